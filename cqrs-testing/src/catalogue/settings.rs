//! What a run of the tests may do, from its environment.

use super::key::Key;

/// The variable that says what to do with new lines.
pub(super) const VARIABLE: &str = "CQRS_CATALOGUE";

/// What a run of the tests may do.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) mode: Mode,
    /// `CI` is set: no file is written.
    pub(super) ci: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mode {
    Compare,
    Accept,
    /// The type, and the hash of a shape if it does not have only one.
    Withdraw(Key, Option<String>),
}

impl Settings {
    /// The settings of this process.
    pub(super) fn of_environment() -> Result<Self, String> {
        let of = |name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        Self::new(of(VARIABLE).as_deref(), of("CI").as_deref())
    }

    pub(super) fn new(variable: Option<&str>, ci: Option<&str>) -> Result<Self, String> {
        let mode = match variable {
            None | Some("") => Mode::Compare,
            Some("accept") => Mode::Accept,
            Some(other) => {
                let withdrawn = other.strip_prefix("withdraw:").and_then(withdrawn);
                let (key, shape) = withdrawn.ok_or_else(|| {
                    format!(
                        "{VARIABLE} is {other:?}.\n  Set it to `accept`, or to `withdraw:category/Type@1` with the category, type and \
                         schema version of an event that was never stored."
                    )
                })?;
                Mode::Withdraw(key, shape)
            }
        };
        let ci = ci.is_some_and(|value| !value.is_empty() && value != "false");
        Ok(Self { mode, ci })
    }

    /// Whether new lines are written.
    pub(super) fn accepts(&self) -> bool {
        self.mode == Mode::Accept && !self.ci
    }

    /// How to write what is new.
    pub(super) fn how_to_write(&self) -> String {
        let command = format!("`{VARIABLE}=accept cargo test`");
        if self.mode == Mode::Accept {
            on_your_machine(&command)
        } else {
            format!("If it is meant so, run {command} and commit the file.")
        }
    }
}

/// The file is not written where `CI` is set.
pub(super) fn on_your_machine(command: &str) -> String {
    format!(
        "Nothing is written where `CI` is set: run {command} on your machine, and commit the file."
    )
}

/// `account/Deposited@2`, or `account/Deposited@2#104d3467`.
fn withdrawn(text: &str) -> Option<(Key, Option<String>)> {
    if let Some(key) = Key::parse(text) {
        return Some((key, None));
    }
    let (key, shape) = text.rsplit_once('#')?;
    Some((Key::parse(key)?, Some(shape.to_owned())))
}
