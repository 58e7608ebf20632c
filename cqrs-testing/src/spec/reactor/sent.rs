//! What a reactor did, and what is expected of it.

use std::fmt::Debug;

use cqrs_core::{OnRejected, roles::SingleCommand};

use crate::spec::{
    calls::Calls,
    failure::{differ, pretty},
    source::commands,
};

/// The commands that the reactor sent.
#[derive(Debug)]
#[must_use = "add an expectation: then(..) or then_nothing()"]
pub struct Sent<C> {
    constructor: String,
    calls: Calls,
    commands: Vec<C>,
}

impl<C> Sent<C> {
    pub(super) fn new(constructor: String, calls: Calls, commands: Vec<C>) -> Self {
        Self {
            constructor,
            calls,
            commands,
        }
    }
}

impl<C: SingleCommand + Debug + PartialEq> Sent<C> {
    /// Expects exactly these commands, in this order. Those of a union are made with `.into()`.
    #[track_caller]
    pub fn then(self, commands: impl IntoIterator<Item = C>) {
        let expected = Vec::from_iter(commands);
        if expected != self.commands {
            let passing = self.calls.test(&self.constructor, &then(&self.commands));
            differ(
                "commands",
                &pretty(&expected),
                &pretty(&self.commands),
                &passing,
            );
        }
    }

    /// Expects no commands.
    #[track_caller]
    pub fn then_nothing(self) {
        self.then([]);
    }
}

/// The expectation of these commands as source.
pub(crate) fn then<C: SingleCommand + Debug>(sent: &[C]) -> String {
    match sent {
        [] => "then_nothing()".to_owned(),
        sent => format!("then({})", commands(sent)),
    }
}

/// What the reactor answered to a rejection.
#[derive(Debug)]
#[must_use = "add an expectation: then(..), then_nothing() or then_fail()"]
pub struct RejectionOutcome<C> {
    constructor: String,
    calls: Calls,
    reaction: OnRejected<C>,
}

impl<C> RejectionOutcome<C> {
    pub(super) fn new(constructor: String, calls: Calls, reaction: OnRejected<C>) -> Self {
        Self {
            constructor,
            calls,
            reaction,
        }
    }
}

impl<C: SingleCommand + Debug + PartialEq> RejectionOutcome<C> {
    /// Expects exactly these commands instead of the rejected one, in this order.
    #[track_caller]
    pub fn then(self, commands: impl IntoIterator<Item = C>) {
        self.expect(&OnRejected::Instead(Vec::from_iter(commands)));
    }

    /// Expects that the rejection is ignored.
    #[track_caller]
    pub fn then_nothing(self) {
        self.expect(&OnRejected::Ignore);
    }

    /// Expects that the event cannot be handled.
    #[track_caller]
    pub fn then_fail(self) {
        self.expect(&OnRejected::Fail);
    }

    #[track_caller]
    fn expect(self, expected: &OnRejected<C>) {
        if self.reaction == *expected {
            return;
        }
        let expectation = match &self.reaction {
            OnRejected::Fail => "then_fail()".to_owned(),
            OnRejected::Ignore => "then_nothing()".to_owned(),
            OnRejected::Instead(instead) => format!("then({})", commands(instead)),
        };
        let passing = self.calls.test(&self.constructor, &expectation);
        differ(
            "reactions",
            &pretty(expected),
            &pretty(&self.reaction),
            &passing,
        );
    }
}
