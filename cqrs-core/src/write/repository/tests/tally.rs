//! An aggregate for tests: its events and errors show events that were lost, duplicated, reordered, or decided on a wrong
//! state.

use serde::{Deserialize, Serialize};

use crate::{
    model::{Context, Event},
    roles::{Aggregate, Decision},
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum TallyEvent {
    Added { number: u32, on: Tally },
    Doubled { on: Tally },
}

impl Event for TallyEvent {
    const CATEGORY: &'static str = "tally";
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum TallyCommand {
    Add(u32),
    AddTwice(u32),
    /// Rejected if the sum is odd.
    Double,
    /// Does nothing if the sum is even.
    MakeEven,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is odd")]
pub(super) struct Odd(pub(super) Tally);

/// A sum that depends on the order of the events.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally {
    pub(super) sum: u64,
    pub(super) events: u64,
}

impl Aggregate for Tally {
    type Command = TallyCommand;
    type Event = TallyEvent;
    type Error = Odd;

    fn handle(&self, command: TallyCommand, context: &Context) -> Decision<Self> {
        assert_eq!(context.version.get(), self.events, "a state at its version");
        let on = *self;
        match command {
            TallyCommand::Add(number) => Ok(vec![TallyEvent::Added { number, on }]),
            TallyCommand::AddTwice(number) => Ok(vec![TallyEvent::Added { number, on }; 2]),
            TallyCommand::Double if self.sum % 2 == 1 => Err(Odd(on)),
            TallyCommand::MakeEven if self.sum.is_multiple_of(2) => Ok(vec![]),
            TallyCommand::Double | TallyCommand::MakeEven => Ok(vec![TallyEvent::Doubled { on }]),
        }
    }

    fn apply(&mut self, event: TallyEvent) {
        let (factor, more) = match event {
            TallyEvent::Added { number, .. } => (3, u64::from(number)),
            TallyEvent::Doubled { .. } => (2, 0),
        };
        self.sum = self.sum.wrapping_mul(factor).wrapping_add(more);
        self.events += 1;
    }
}
