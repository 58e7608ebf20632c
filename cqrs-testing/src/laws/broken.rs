//! The message of a broken law: what differs, and a test to paste.

use std::fmt;

use crate::spec::failure::difference;

/// A history breaks a law.
#[derive(Debug, Clone)]
pub(super) struct Broken {
    /// What is wrong.
    what: String,
    /// Where it was seen.
    seen: Seen,
}

/// Where a law was seen broken.
#[derive(Debug, Clone)]
enum Seen {
    /// A specification that fails until the law holds.
    Fails(String),
    /// A specification of the same history. It passes: it does not ask what the law asks.
    Passes(String),
    /// The generated steps: they led to no specification.
    Steps(String),
}

impl Broken {
    /// Broken, as a specification shows that fails.
    pub(super) fn new(what: impl Into<String>, test: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            seen: Seen::Fails(test.into()),
        }
    }

    /// Something was `expected`, and is another `actual`.
    pub(super) fn differ(
        what: &str,
        [expected, actual]: [&str; 2],
        test: impl Into<String>,
    ) -> Self {
        let difference = difference(expected, actual);
        Self::new(
            format!("{what} (- expected, + actual):\n{difference}"),
            test,
        )
    }

    /// Broken after these steps.
    pub(super) fn after(what: impl Into<String>, steps: String) -> Self {
        Self {
            what: what.into(),
            seen: Seen::Steps(steps),
        }
    }

    /// The same with this test.
    pub(super) fn with_test(self, test: &str) -> Self {
        let seen = match self.seen {
            Seen::Fails(_) => Seen::Fails(test.to_owned()),
            Seen::Passes(_) => Seen::Passes(test.to_owned()),
            steps @ Seen::Steps(_) => steps,
        };
        Self { seen, ..self }
    }

    /// The same, seen where this specification passes.
    pub(super) fn where_passes(self, test: &str) -> Self {
        Self {
            seen: Seen::Passes(test.to_owned()),
            ..self
        }
    }

    /// The same, seen only when the law was asked again in another second.
    pub(super) fn in_another_second(self) -> Self {
        let what = format!(
            "asked again in another second, so a clock is read: {}",
            self.what
        );
        Self { what, ..self }
    }

    /// How much there is to read.
    pub(super) fn length(&self) -> usize {
        let (Seen::Fails(text) | Seen::Passes(text) | Seen::Steps(text)) = &self.seen;
        text.len()
    }

    /// The panic message of the law.
    pub(super) fn message(&self, law: &str) -> String {
        let what = self.what.trim_end();
        format!("broken law: {law}\n\n{what}\n\n{}\n", self.seen)
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fails(test) => write!(f, "this test fails until the law holds:\n\n{test}"),
            Self::Passes(test) => {
                write!(
                    f,
                    "no specification shows that; it was seen here:\n\n{test}"
                )
            }
            Self::Steps(steps) => write!(f, "it was seen after these steps:\n\n{steps}"),
        }
    }
}
