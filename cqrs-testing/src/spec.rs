//! Given-when-then specifications, without async and without a store.

mod aggregate;
mod failure;
mod reactor;
mod recorded;
mod view;

use std::marker::PhantomData;

use cqrs_core::{Aggregate, Reactor, View};

pub use self::{
    aggregate::{Given, Outcome},
    reactor::{ReactorSpec, Sent},
    view::ViewSpec,
};

/// Starts a specification: `Spec::<Account>::new()`, [`Spec::view`] or [`Spec::reactor`].
///
/// ```
/// # use cqrs_core::prelude::*;
/// # use cqrs_testing::Spec;
/// # #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
/// # enum SeatEvent { Booked { visitor: String } }
/// # impl Event for SeatEvent { const CATEGORY: &'static str = "seat"; }
/// # #[derive(Debug, PartialEq, thiserror::Error)] #[error("the seat is taken")] struct Taken;
/// # #[derive(Default)] struct Seat { taken: bool }
/// # impl Aggregate for Seat {
/// #     type Command = String; type Event = SeatEvent; type Error = Taken;
/// #     fn handle(&self, visitor: String, _: &Context) -> Decision<Self> {
/// #         if self.taken { Err(Taken) } else { Ok(vec![SeatEvent::Booked { visitor }]) }
/// #     }
/// #     fn apply(&mut self, _: SeatEvent) { self.taken = true }
/// # }
/// let booked = SeatEvent::Booked { visitor: "ada".to_owned() };
/// Spec::<Seat>::new()
///     .given([booked])
///     .when("bob".to_owned())
///     .then_rejected(Taken);
/// ```
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
