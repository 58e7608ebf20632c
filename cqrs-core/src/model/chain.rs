//! An error with its sources, on one line.

use std::{error::Error, fmt};

/// Prints an error and its sources on one line: `error: cause: cause of the cause`.
///
/// Use it in logs and messages. Branch on the error types, not on this text.
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
        let mut last = self.0.to_string();
        f.write_str(&last)?;
        let mut next = self.0.source();
        while let Some(source) = next {
            let text = source.to_string();
            // Some libraries include the source in the error's own message.
            if !last.contains(&text) {
                write!(f, ": {text}")?;
            }
            last = text;
            next = source.source();
        }
        Ok(())
    }
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
    fn every_source_is_printed_once() {
        assert_eq!(printed(&["a"]), "a");
        assert_eq!(printed(&["one", "two", "three"]), "one: two: three");
        assert_eq!(printed(&["one (two)", "two", "three"]), "one (two): three");
    }
}
