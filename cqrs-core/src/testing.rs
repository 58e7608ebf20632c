//! Given, when, then: no async, no store.
//!
//! ```
//! # use cqrs_core::{Aggregate, Context, Decision, Event, testing::Spec};
//! # use serde::{Deserialize, Serialize};
//! # #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
//! # enum LampEvent { SwitchedOn }
//! # impl Event for LampEvent { const CATEGORY: &'static str = "lamp"; }
//! # #[derive(Debug, Clone, PartialEq)]
//! # struct SwitchOn;
//! # #[derive(Debug, PartialEq, thiserror::Error)]
//! # #[error("it is on already")]
//! # struct AlreadyOn;
//! # #[derive(Default)]
//! # struct Lamp { on: bool }
//! # impl Aggregate for Lamp {
//! #     type Command = SwitchOn;
//! #     type Event = LampEvent;
//! #     type Error = AlreadyOn;
//! #     fn handle(&self, _: SwitchOn, _: &Context) -> Decision<Self> {
//! #         if self.on { Err(AlreadyOn) } else { Ok(vec![LampEvent::SwitchedOn]) }
//! #     }
//! #     fn apply(&mut self, _: LampEvent) { self.on = true }
//! # }
//! Spec::<Lamp>::new().when(SwitchOn).then([LampEvent::SwitchedOn]);
//! Spec::<Lamp>::new().given([LampEvent::SwitchedOn]).when(SwitchOn).then_rejected(AlreadyOn);
//! ```
//!
//! Lists are exact: all events, in order, and no others. A failure prints what differs, and the test as it would pass.

mod aggregate;
pub mod contract;
mod failure;
pub mod linearizability;
mod reactor;
mod recorded;
mod view;

use std::marker::PhantomData;

pub use self::{
    aggregate::{Decided, Given},
    reactor::{ReactorSpec, Sent},
    view::ViewSpec,
};
use crate::{Aggregate, Reactor, View};

/// The beginning of a specification: `Spec::<Account>::new()`, [`Spec::view`] or [`Spec::reactor`].
#[derive(Debug)]
pub struct Spec<A = ()>(PhantomData<fn() -> A>);

impl Spec {
    /// Specifies a view: given events, then documents.
    #[must_use]
    pub fn view<V: View>(view: V) -> ViewSpec<V> {
        ViewSpec::new(view)
    }

    /// Specifies a reactor: when an event, then commands.
    #[must_use]
    pub fn reactor<R: Reactor>(reactor: R) -> ReactorSpec<R> {
        ReactorSpec::new(reactor)
    }
}

impl<A: Aggregate> Default for Spec<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Aggregate> Spec<A> {
    /// Specifies an aggregate: given events, when a command, then events.
    #[must_use]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}
