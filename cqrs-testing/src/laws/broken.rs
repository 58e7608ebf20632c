//! The message of a broken law: what differs, and a test to paste.

use crate::spec::failure::difference;

/// A history breaks a law.
#[derive(Debug, Clone)]
pub(super) struct Broken {
    /// What is wrong.
    what: String,
    /// A specification that fails until the law holds.
    test: String,
}

impl Broken {
    pub(super) fn new(what: impl Into<String>, test: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            test: test.into(),
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

    /// The same with this test.
    pub(super) fn with_test(self, test: &str) -> Self {
        Self::new(self.what, test)
    }

    /// The panic message of the law.
    pub(super) fn message(&self, law: &str) -> String {
        let what = self.what.trim_end();
        format!(
            "broken law: {law}\n\n{what}\n\nthis test fails until the law holds:\n\n{}\n",
            self.test
        )
    }
}
