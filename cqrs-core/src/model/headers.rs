//! The headers that an application adds to an event, such as a user or a tenant, and their limits.

use std::collections::BTreeMap;

use crate::model::sizes::Limits;

/// Header values by name.
pub type Headers = BTreeMap<String, String>;

/// A header that no store accepts, or that is beyond the [`Limits`] of this one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// An event has more headers than allowed, by default more than 32.
    #[error(
        "the event has {headers} headers; at most {limit} are allowed: put the rest into the payload"
    )]
    TooMany {
        /// The number of its headers.
        headers: usize,
        /// The largest number that is allowed.
        limit: usize,
    },
    /// A name is not 1 to 64 of the characters `a-z`, `0-9`, `-`, `_` and `.`.
    #[error(
        "{0:?} is not a header name: it must have 1 to {MAX_NAME_BYTES} of the characters a-z, 0-9, -, _ and ."
    )]
    Name(String),
    /// A value is longer than allowed, by default longer than 1,024 bytes.
    #[error("header {name} has {bytes} bytes, more than {limit}; shorten it")]
    TooLong {
        /// The header.
        name: String,
        /// The length of its value.
        bytes: usize,
        /// The longest that is allowed.
        limit: usize,
    },
    /// A value contains the NUL character, which databases cannot store in a text.
    #[error("header {0} contains the NUL character; remove it")]
    Nul(String),
}

const MAX_NAME_BYTES: usize = 64;

/// Checks that the headers are within their limits.
pub(crate) fn check(headers: &Headers, limits: Limits) -> Result<(), HeaderError> {
    let limits = limits.effective();
    if headers.len() > limits.headers {
        return Err(HeaderError::TooMany {
            headers: headers.len(),
            limit: limits.headers,
        });
    }
    headers
        .iter()
        .try_for_each(|(name, value)| check_one(name, value, limits.header_bytes))
}

/// The headers of a cause for an event that follows from it, except those that the store does not accept: another system may
/// have sent some.
pub(crate) fn inheritable(headers: &Headers, limits: Limits) -> Headers {
    let limits = limits.effective();
    let accepted = headers
        .iter()
        .filter(|(name, value)| check_one(name, value, limits.header_bytes).is_ok())
        .take(limits.headers);
    accepted
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn check_one(name: &str, value: &str, limit: usize) -> Result<(), HeaderError> {
    let allowed = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.')
    };
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(allowed) {
        let begin = name.chars().take(MAX_NAME_BYTES).collect();
        return Err(HeaderError::Name(begin));
    }
    if value.len() > limit {
        return Err(HeaderError::TooLong {
            name: name.to_owned(),
            bytes: value.len(),
            limit,
        });
    }
    if value.contains('\0') {
        return Err(HeaderError::Nul(name.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_headers_that_can_be_stored_are_inherited() {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let good = header("user", "ann");
        let long = "x".repeat(1_025);
        let bad = [
            header("User", "eve"),
            header("note", "a\0"),
            header("text", &long),
        ];
        let foreign: Headers = bad.into_iter().chain([good.clone()]).collect();
        assert_eq!(inheritable(&foreign, Limits::default()), [good].into());
        let many: Headers = (0..40).map(|n| header(&format!("n{n}"), "")).collect();
        assert_eq!(inheritable(&many, Limits::default()).len(), 32);
    }
}
