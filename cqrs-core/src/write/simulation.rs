//! An aggregate without a store.

use std::{sync::Arc, time::SystemTime};

use crate::{
    model::{Context, Metadata, Version},
    roles::{Aggregate, Decision},
    write::decision::Decided,
};

/// An aggregate without a store: for simulations, and to measure the cost of decisions alone.
///
/// ```
/// # use std::time::SystemTime;
/// # use cqrs_core::{Aggregate, Context, Decision, Event, Simulation};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
/// # enum LampEvent { SwitchedOn }
/// # impl Event for LampEvent { const CATEGORY: &'static str = "lamp"; }
/// # #[derive(Debug, Clone, PartialEq)]
/// # struct SwitchOn;
/// # #[derive(Debug, PartialEq, thiserror::Error)]
/// # #[error("it is on already")]
/// # struct AlreadyOn;
/// # #[derive(Default)]
/// # struct Lamp { on: bool }
/// # impl Aggregate for Lamp {
/// #     type Command = SwitchOn;
/// #     type Event = LampEvent;
/// #     type Error = AlreadyOn;
/// #     fn handle(&self, _: SwitchOn, _: &Context) -> Decision<Self> {
/// #         if self.on { Err(AlreadyOn) } else { Ok(vec![LampEvent::SwitchedOn]) }
/// #     }
/// #     fn apply(&mut self, _: LampEvent) { self.on = true }
/// # }
/// let mut lamp = Simulation::<Lamp>::new("kitchen", SystemTime::now());
/// assert_eq!(lamp.handle(SwitchOn), Ok(1));
/// assert_eq!(lamp.handle(SwitchOn), Err(AlreadyOn));
/// assert!(lamp.state.on);
/// assert_eq!(lamp.context.version.get(), 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Simulation<A> {
    /// Its state.
    pub state: A,
    /// The context of the next decision; its version is the state's version.
    pub context: Context,
}

impl<A: Aggregate> Simulation<A> {
    /// The aggregate called `id` before its first event.
    #[must_use]
    pub fn new(id: impl Into<Arc<str>>, now: SystemTime) -> Self {
        Self {
            state: A::default(),
            context: Context {
                id: id.into(),
                version: Version::EMPTY,
                now,
                metadata: Metadata::default(),
            },
        }
    }

    /// Decides a command and applies its events. Returns their number.
    ///
    /// # Errors
    /// When the aggregate rejects the command. The state does not change then.
    pub fn handle(&mut self, command: A::Command) -> Result<u64, A::Error> {
        let events = self.decide(command)?;
        Ok(self.apply(events))
    }

    /// Decides a command on the current state, and applies nothing.
    ///
    /// # Errors
    /// When the aggregate rejects the command.
    pub fn decide(&self, command: A::Command) -> Decision<A> {
        let decided = Decided::by(&self.state, command, &self.context)?;
        Ok(decided.into_events())
    }

    /// Applies events. Returns their number.
    pub fn apply(&mut self, events: impl IntoIterator<Item = A::Event>) -> u64 {
        let before = self.context.version;
        for event in events {
            self.state.apply(event);
            self.context.version = self.context.version.plus(1);
        }
        self.context.version.get() - before.get()
    }
}
