//! Specifications of reactors: given events, when an event or a rejection, then commands.

mod sent;

use std::fmt::Debug;

use cqrs_core::{Envelope, Event, Reactor, RecordedEvent, Rejection};

pub(crate) use self::sent::then;
pub use self::sent::{RejectionOutcome, Sent};
use super::{
    received::{Received, recording_options},
    recorded::envelopes,
    source::specifies,
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
///
/// // By default a rejection stops the reactor in front of the event.
/// let taken = Rejection::new(StreamId::of::<SeatEvent>("A1")?, Taken);
/// Spec::reactor(Booking).when_rejected("ada", VisitorEvent::Came, &taken).then_fail();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ReactorSpec<R> {
    reactor: R,
    received: Received,
}

impl<R: Reactor> ReactorSpec<R> {
    pub(super) fn new(reactor: R) -> Self {
        Self {
            reactor,
            received: Received::default(),
        }
    }

    recording_options!();

    /// Passes events of the aggregate called `id` to the reactor, whose commands for them do not matter.
    #[must_use]
    #[track_caller]
    pub fn given<E: Event + Debug>(
        mut self,
        id: &str,
        events: impl IntoIterator<Item = E>,
    ) -> Self {
        let events = Vec::from_iter(events);
        for recorded in self.received.given::<R::Events, E>(id, &events) {
            self.react(&recorded);
        }
        self
    }

    /// Passes the event of the aggregate called `id` to the reactor.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "takes a value, like `given`")]
    pub fn when<E: Event + Debug>(mut self, id: &str, event: E) -> Sent<R::Commands> {
        let recorded = self.received.when::<R::Events, E>(id, &event);
        let commands = self.react(&recorded);
        let constructor = specifies::<R>("reactor", &mut self.received.calls);
        Sent::new(constructor, self.received.calls, commands)
    }

    /// Passes an event to the reactor as it is stored, of an older shape for example: its type, its schema version, and its
    /// payload as JSON. `E` is the enum with its category.
    #[track_caller]
    pub fn when_stored<E: Event>(
        mut self,
        id: &str,
        event_type: &str,
        schema_version: u32,
        payload: &str,
    ) -> Sent<R::Commands> {
        let stored = (event_type, schema_version, payload);
        let recorded = self
            .received
            .stored::<R::Events, E>("when_stored", id, stored);
        let commands = self.react(&recorded);
        let constructor = specifies::<R>("reactor", &mut self.received.calls);
        Sent::new(constructor, self.received.calls, commands)
    }

    /// Passes the rejection of a command for this event to the reactor.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "takes a value, like `given`")]
    pub fn when_rejected<E: Event + Debug>(
        mut self,
        id: &str,
        event: E,
        rejection: &Rejection,
    ) -> RejectionOutcome<R::Commands> {
        let recorded = self.received.when_rejected::<R::Events, E>(id, &event);
        let envelopes = envelopes_of::<R>(&recorded);
        let [event] = &envelopes[..] else {
            panic!("the reactor reads {} events of this one", envelopes.len());
        };
        let reaction = self.reactor.rejected(event, rejection);
        let constructor = specifies::<R>("reactor", &mut self.received.calls);
        RejectionOutcome::new(constructor, self.received.calls, reaction)
    }

    #[track_caller]
    fn react(&self, recorded: &RecordedEvent) -> Vec<R::Commands> {
        let events = envelopes_of::<R>(recorded);
        let commands = events.iter().flat_map(|event| self.reactor.react(event));
        commands.collect()
    }
}

#[track_caller]
fn envelopes_of<R: Reactor>(recorded: &RecordedEvent) -> Vec<Envelope<R::Events>> {
    envelopes(recorded).unwrap_or_else(|error| panic!("{error}"))
}

#[cfg(test)]
mod tests;
