//! What a person changed by hand.

use std::{fmt, time::SystemTime};

use serde_json::{Map, Value};

/// A change by hand, as the store has recorded it in the transaction of the change.
///
/// A change outside the store has two records: one before it, without an outcome, and one with the outcome after it.
///
/// ```
/// # use cqrs_core::ports::Operation;
/// # use std::time::SystemTime;
/// let operation = Operation::new(1, SystemTime::now(), "ann", "psql", "repartition").because("twice the load");
/// assert_eq!(operation.to_string(), "repartition {} by ann with psql: twice the load");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Operation {
    /// Its number. Numbers rise.
    pub id: u64,
    /// When it was recorded, by the clock of the store.
    pub at: SystemTime,
    /// The user of the store.
    pub who: String,
    /// The program, as it calls itself.
    pub face: String,
    /// What was done: `repartition`, `rewind`, `discard`.
    pub verb: String,
    /// With which arguments.
    pub arguments: Map<String, Value>,
    /// Why.
    pub reason: Option<String>,
    /// How a change outside the store has ended.
    pub outcome: Option<String>,
}

impl Operation {
    /// An operation without arguments.
    #[must_use]
    pub fn new(
        id: u64,
        at: SystemTime,
        who: impl Into<String>,
        face: impl Into<String>,
        verb: impl Into<String>,
    ) -> Self {
        Self {
            id,
            at,
            who: who.into(),
            face: face.into(),
            verb: verb.into(),
            arguments: Map::new(),
            reason: None,
            outcome: None,
        }
    }

    /// The operation with these arguments.
    #[must_use]
    pub fn with(mut self, arguments: Map<String, Value>) -> Self {
        self.arguments = arguments;
        self
    }

    /// The operation with its reason.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// The operation with its outcome.
    #[must_use]
    pub fn ended(mut self, outcome: impl Into<String>) -> Self {
        self.outcome = Some(outcome.into());
        self
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arguments = Value::Object(self.arguments.clone());
        write!(
            f,
            "{} {arguments} by {} with {}",
            self.verb, self.who, self.face
        )?;
        if let Some(reason) = &self.reason {
            write!(f, ": {reason}")?;
        }
        match &self.outcome {
            Some(outcome) => write!(f, " ({outcome})"),
            None => Ok(()),
        }
    }
}
