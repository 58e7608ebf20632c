//! A purse without bugs, and the events and commands that the ones with bugs share with it.

use cqrs_core::{Aggregate, Context, Decision, Event};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::laws::tests) enum PurseEvent {
    Added { cents: u32 },
    Taken { cents: u32 },
}
impl Event for PurseEvent {
    const CATEGORY: &'static str = "purse";
}

#[derive(Debug, Clone, Copy)]
pub(in crate::laws::tests) enum PurseCommand {
    Add { cents: u32 },
    Take { cents: u32 },
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("there is not so much in it")]
pub(in crate::laws::tests) struct TooLittle;

pub(in crate::laws::tests) fn any_command() -> impl Strategy<Value = PurseCommand> {
    let add = (1..1_000_u32).prop_map(|cents| PurseCommand::Add { cents });
    let take = (1..1_000_u32).prop_map(|cents| PurseCommand::Take { cents });
    prop_oneof![add, take]
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::laws::tests) struct Purse {
    pub(super) cents: u32,
}

/// Decides by the money in a purse.
pub(super) fn decide(cents: u32, command: PurseCommand) -> Result<Vec<PurseEvent>, TooLittle> {
    match command {
        PurseCommand::Add { cents } => Ok(vec![PurseEvent::Added { cents }]),
        PurseCommand::Take { cents: taken } if taken > cents => Err(TooLittle),
        PurseCommand::Take { cents } => Ok(vec![PurseEvent::Taken { cents }]),
    }
}

/// The money in a purse after an event.
pub(super) fn after(cents: u32, event: &PurseEvent) -> u32 {
    match event {
        PurseEvent::Added { cents: added } => cents + added,
        PurseEvent::Taken { cents: taken } => {
            cents.checked_sub(*taken).expect("there is so much in it")
        }
    }
}

impl Aggregate for Purse {
    type Command = PurseCommand;
    type Event = PurseEvent;
    type Error = TooLittle;

    fn handle(&self, command: PurseCommand, _: &Context) -> Decision<Self> {
        decide(self.cents, command)
    }

    fn apply(&mut self, event: PurseEvent) {
        self.cents = after(self.cents, &event);
    }
}

/// Declares a purse that differs in one of its methods.
macro_rules! purse {
    ($purse:ident, handle: $handle:expr, apply: $apply:expr $(,)?) => {
        impl Aggregate for $purse {
            type Command = PurseCommand;
            type Event = PurseEvent;
            type Error = TooLittle;
            fn handle(&self, command: PurseCommand, context: &Context) -> Decision<Self> {
                let handle: fn(&Self, PurseCommand, &Context) -> Decision<Self> = $handle;
                handle(self, command, context)
            }
            fn apply(&mut self, event: PurseEvent) {
                let apply: fn(&mut Self, &PurseEvent) = $apply;
                apply(self, &event);
            }
        }
    };
}
pub(super) use purse;
