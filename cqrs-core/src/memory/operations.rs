//! What people changed by hand.

use std::time::SystemTime;

use serde_json::{Map, Value};

use super::State;
use crate::ports::{Discarded, Operation};

/// An operation before it is recorded.
#[derive(Debug)]
pub(super) struct NewOperation {
    verb: String,
    arguments: Map<String, Value>,
    reason: String,
    outcome: Option<String>,
}

impl NewOperation {
    /// An operation on a subscription.
    pub(super) fn on(subscription: &str, verb: &str, reason: &str) -> Self {
        Self::new(verb, reason).with("subscription", subscription)
    }

    pub(super) fn new(verb: &str, reason: &str) -> Self {
        Self {
            verb: verb.to_owned(),
            arguments: Map::new(),
            reason: reason.to_owned(),
            outcome: None,
        }
    }

    pub(super) fn with(mut self, name: &str, argument: impl Into<Value>) -> Self {
        self.arguments.insert(name.to_owned(), argument.into());
        self
    }

    pub(super) fn ended(mut self, outcome: &str) -> Self {
        self.outcome = Some(outcome.to_owned());
        self
    }

    /// What is discarded, without the content of a record.
    pub(super) fn discard(discarded: &Discarded) -> Self {
        let mut operation = Self::on(&discarded.subscription, "discard", &discarded.reason);
        if let Some(record) = &discarded.record {
            operation = operation
                .with("topic", &*record.topic)
                .with("partition", record.partition)
                .with("offset", record.offset.get());
        }
        if let Some(event) = &discarded.event {
            operation = operation
                .with("category", event.stream.category().as_str())
                .with("aggregate_id", event.stream.id())
                .with("version", event.version.get())
                .with("position", event.position.get())
                .with("event_id", event.id.to_string());
        }
        operation
    }
}

impl State {
    pub(super) fn record(&mut self, operation: NewOperation) {
        let id = self.operations.len() as u64 + 1;
        let recorded = Operation::new(
            id,
            SystemTime::now(),
            "this process",
            "memory",
            operation.verb,
        );
        let mut recorded = recorded.with(operation.arguments).because(operation.reason);
        recorded.outcome = operation.outcome;
        self.operations.push(recorded);
    }
}
