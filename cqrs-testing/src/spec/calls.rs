//! The calls of a specification as source, in their order: a failure prints them.

use std::fmt;

/// The calls after the constructor, each on a line of its own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Calls(String);

impl Calls {
    /// Adds a call.
    pub(crate) fn add(&mut self, call: &str, arguments: &str) {
        self.0.push_str(&format!("\n    .{call}({arguments})"));
    }

    /// The whole test.
    pub(crate) fn test(&self, constructor: &str, expectation: &str) -> String {
        format!("{constructor}{self}\n    .{expectation};")
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
