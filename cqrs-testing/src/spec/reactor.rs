//! Specifications of reactors: when an event, then commands.

use std::fmt::Debug;

use cqrs_core::{OnRejected, Reactor, Rejection};

use super::{
    failure::{differ, enum_name, list, source, sources},
    recorded::envelope,
};

/// A reactor under test.
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
/// # #[derive(Debug, serde::Serialize, serde::Deserialize)] enum VisitorEvent { Came }
/// # impl Event for VisitorEvent { const CATEGORY: &'static str = "visitor"; }
/// # struct Booking;
/// # impl Reactor for Booking {
/// #     const NAME: &'static str = "booking"; type Events = VisitorEvent; type Commands = To<Seat>;
/// #     fn react(&self, event: &Envelope<VisitorEvent>) -> Vec<To<Seat>> { vec![To::new("A1", event.id().to_owned())] }
/// # }
/// Spec::reactor(Booking)
///     .when("ada", VisitorEvent::Came)
///     .then([To::<Seat>::new("A1", "ada".to_owned())]);
/// ```
#[derive(Debug)]
pub struct ReactorSpec<R>(R);

impl<R: Reactor> ReactorSpec<R> {
    pub(super) fn new(reactor: R) -> Self {
        Self(reactor)
    }

    /// Passes the event of the aggregate called `id` to the reactor.
    #[track_caller]
    pub fn when<E: Into<R::Events> + Debug>(self, id: &str, event: E) -> Sent<R::Commands> {
        let when = format!(
            "Spec::reactor({}).when({id:?}, {})",
            enum_name::<R>().unwrap_or("reactor"),
            source(&event)
        );
        Sent {
            commands: self.0.react(&envelope(id, 1, 1, event.into())),
            when,
        }
    }

    /// Passes the rejection of a command for this event to the reactor, and returns its reaction.
    #[track_caller]
    pub fn when_rejected<E: Into<R::Events>>(
        self,
        id: &str,
        event: E,
        rejection: &Rejection,
    ) -> OnRejected<R::Commands> {
        self.0
            .rejected(&envelope(id, 1, 1, event.into()), rejection)
    }
}

/// The commands that the reactor sent.
#[derive(Debug)]
#[must_use = "add an expectation: then(..) or then_nothing()"]
pub struct Sent<C> {
    commands: Vec<C>,
    when: String,
}

impl<C: Debug + PartialEq> Sent<C> {
    /// Expects exactly these commands, in this order. Those of a union are made with `.into()`.
    #[track_caller]
    pub fn then(self, commands: impl IntoIterator<Item = C>) {
        let expected = Vec::from_iter(commands);
        if expected != self.commands {
            let passing = format!("{}\n    .then({});", self.when, sources(&self.commands));
            differ(
                "commands",
                &list(&expected),
                &list(&self.commands),
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

#[cfg(test)]
mod tests;
