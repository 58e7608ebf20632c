//! The calls of a specification as source, in their order: a failure prints them.

/// The calls after the constructor, each on a line of its own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Calls {
    calls: String,
    /// Names of values that have no source.
    placeholders: Vec<&'static str>,
}

impl Calls {
    /// Adds a call.
    pub(crate) fn add(&mut self, call: &str, arguments: &str) {
        self.calls.push_str(&format!("\n    .{call}({arguments})"));
    }

    /// Says that this name stands for a value of the test that failed.
    pub(crate) fn placeholder(&mut self, name: &'static str) {
        if !self.placeholders.contains(&name) {
            self.placeholders.push(name);
        }
    }

    /// The whole test.
    pub(crate) fn test(&self, constructor: &str, expectation: &str) -> String {
        let remarks = self.placeholders.iter();
        let remarks = remarks.map(|name| format!("// `{name}`: as in the test that failed.\n"));
        let remarks = remarks.collect::<String>();
        format!("{remarks}{constructor}{}\n    .{expectation};", self.calls)
    }
}
