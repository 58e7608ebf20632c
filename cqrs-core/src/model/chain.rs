//! An error with its sources, on one line.

use std::{error::Error, fmt};

use crate::codec::bounded;

/// Prints an error and its sources on one line: `error: cause: cause of the cause`.
///
/// Use it in logs and messages. Branch on the error types, not on this text. Of each error it prints 2,048 bytes at most.
///
/// ```
/// use cqrs_core::{StoreError, StoreErrorKind, chain};
///
/// let refused = std::io::Error::other("connection refused");
/// let error = StoreError::new(StoreErrorKind::Unavailable, "PostgreSQL cannot be reached").caused_by(refused);
/// assert_eq!(chain(&error).to_string(), "PostgreSQL cannot be reached: connection refused");
/// ```
#[must_use]
pub fn chain<'a>(error: &'a (dyn Error + 'static)) -> Chain<'a> {
    Chain(error)
}

/// The printable chain that [`chain`] returns.
#[derive(Clone, Copy)]
pub struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = bounded(self.0);
        f.write_str(&last)?;
        let mut next = self.0.source();
        while let Some(source) = next {
            let text = bounded(source);
            if !includes(&last, &text) {
                write!(f, ": {text}")?;
            }
            last = text;
            next = source.source();
        }
        Ok(())
    }
}

/// Whether a message already states its source as a clause of its own, as some libraries do: `message: source` or
/// `message (source)`. Without the boundaries, "count" would be a part of "account-1".
fn includes(message: &str, source: &str) -> bool {
    source.is_empty()
        || message.match_indices(source).any(|(at, _)| {
            let before = &message[..at];
            let after = &message[at + source.len()..];
            (before.is_empty() || before.ends_with(": ") || before.ends_with('('))
                && (after.is_empty() || after.starts_with(':') || after.starts_with(')'))
        })
}

impl fmt::Debug for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chain({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: &'static str,
        source: Option<Box<Self>>,
    }

    fn links(texts: &[&'static str]) -> Option<Box<Link>> {
        let (text, rest) = texts.split_first()?;
        let source = links(rest);
        Some(Box::new(Link { text, source }))
    }

    fn printed(texts: &[&'static str]) -> String {
        let link = links(texts).expect("at least one text");
        chain(&*link).to_string()
    }

    #[test]
    fn a_text_that_quotes_a_megabyte_is_cut() {
        let text: &str = "x".repeat(1 << 20).leak();
        assert!(printed(&["read", text]).len() < 2_200);
    }

    #[test]
    fn every_source_is_printed_once() {
        assert_eq!(printed(&["a"]), "a");
        assert_eq!(printed(&["one", "two", "three"]), "one: two: three");
        assert_eq!(printed(&["one (two)", "two", "three"]), "one (two): three");
        assert_eq!(printed(&["one: two", "two"]), "one: two");
        assert_eq!(
            printed(&["one: two: three", "two: three", "three"]),
            "one: two: three"
        );
        assert_eq!(printed(&["one", "one"]), "one");
        assert_eq!(printed(&["one", "", "two"]), "one: two");
    }

    #[test]
    fn a_source_that_is_only_a_part_of_a_word_is_printed() {
        assert_eq!(
            printed(&["cannot add 10 to account-1", "count"]),
            "cannot add 10 to account-1: count"
        );
        assert_eq!(
            printed(&["the batch failed", "failed"]),
            "the batch failed: failed"
        );
    }
}
