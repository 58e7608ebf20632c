//! The fingerprint of a failure: what failures with the same cause have in common.

use std::fmt;

use crate::model::hash::fnv1a;

/// Groups failures: the hash of the event's type and of the reason, without numbers, ids and quoted values. It never changes, so
/// stores keep it.
///
/// ```
/// use cqrs_core::model::Fingerprint;
///
/// let failure = |reason| Fingerprint::of("Deposited", reason);
/// assert_eq!(failure("no account 17, see \"ann\""), failure("no account 4, see \"bob\""));
/// assert_ne!(failure("missing field `cents`"), failure("missing field `name`"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// The fingerprint with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The fingerprint of a failure to handle an event of this type for this reason.
    #[must_use]
    pub fn of(event_type: &str, reason: &str) -> Self {
        let common = common(reason);
        let bytes = event_type.bytes().chain([0]).chain(common.bytes());
        Self(fnv1a(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The text without quoted values and without words that have a digit. Names in backticks are those of code, and stay.
fn common(reason: &str) -> String {
    let mut common = String::new();
    let mut rest = reason;
    while let Some(first) = rest.chars().next() {
        let begins_value =
            first == '"' || first == '\'' && !common.ends_with(char::is_alphanumeric);
        let quoted = begins_value.then(|| rest[1..].find(first)).flatten();
        let length = match quoted {
            Some(end) => end + 2,
            None if is_of_word(first) => word(rest),
            None => first.len_utf8(),
        };
        let (taken, left) = rest.split_at(length);
        let varies = quoted.is_some() || taken.chars().any(|c| c.is_ascii_digit());
        common.push_str(if varies { "#" } else { taken });
        rest = left;
    }
    common
}

/// The length of the word at the start, in bytes.
fn word(text: &str) -> usize {
    text.find(|c| !is_of_word(c)).unwrap_or(text.len())
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '-' || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_do_not_matter_and_words_do() {
        let id = "5f0c1e9a-7e3b-4c55-9d0e-2f8a1b3c4d5e";
        let cases = [
            ("at line 1 column 20", "at line # column #"),
            (&format!("no {id}, account-17"), "no #, #"),
            ("no \"ann\" or 'bob smith'", "no # or #"),
            ("it can't be, isn't it", "it can't be, isn't it"),
            ("missing field `cents`", "missing field `cents`"),
            ("open \" quote", "open \" quote"),
            ("größer: 5 €", "größer: # €"),
            ("", ""),
        ];
        for (reason, expected) in cases {
            assert_eq!(common(reason), expected);
        }
    }

    #[test]
    fn a_fingerprint_never_changes() {
        let fingerprint = Fingerprint::of("Deposited", "missing field `cents` at line 1");
        let expected = fnv1a(*b"Deposited\0missing field `cents` at line #");
        assert_eq!(fingerprint.get(), expected);
        assert_eq!(Fingerprint::new(10).to_string(), "000000000000000a");
    }
}
