//! The role that decides: command + state -> events.

use crate::model::{Context, Event};

/// The result of a command: the events that follow from it, or the reason why the aggregate rejects it.
pub type Decision<A> = Result<Vec<<A as Aggregate>::Event>, <A as Aggregate>::Error>;

/// A consistency boundary: the state of one stream, and the rules for its commands.
///
/// `Default` is the state before the first event. Both methods are pure: no I/O, no clock, no randomness. A decision can
/// therefore be repeated after a conflict, and a state can be rebuilt at any time. Fetch data from outside before the
/// command, or in [`Repository::decide`](crate::Repository::decide).
///
/// ```
/// use cqrs_core::{Aggregate, Context, Decision, Event};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// enum SeatEvent { Booked { visitor: String } }
/// impl Event for SeatEvent { const CATEGORY: &'static str = "seat"; }
///
/// #[derive(Clone)]
/// struct Book { visitor: String }
///
/// #[derive(Debug, thiserror::Error)]
/// #[error("the seat is taken")]
/// struct Taken;
///
/// #[derive(Default)]
/// struct Seat { taken: bool }
/// impl Aggregate for Seat {
///     type Command = Book;
///     type Event = SeatEvent;
///     type Error = Taken;
///
///     fn handle(&self, Book { visitor }: Book, _: &Context) -> Decision<Self> {
///         if self.taken { Err(Taken) } else { Ok(vec![SeatEvent::Booked { visitor }]) }
///     }
///     fn apply(&mut self, _: SeatEvent) { self.taken = true }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an aggregate",
    note = "implement `Aggregate` for it: command + state -> events"
)]
pub trait Aggregate: Default + Send + Sync + 'static {
    /// The commands. `Clone`, because a conflict repeats the decision on fresh state.
    type Command: Clone + Send + Sync + 'static;
    /// The events.
    type Event: Event;
    /// The reason why a command is rejected.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Decides the command. An empty list means that nothing changes; it is not an error.
    ///
    /// # Errors
    /// The rule that the command breaks. A rejected command is never retried.
    fn handle(&self, command: Self::Command, context: &Context) -> Decision<Self>;

    /// Applies an event to the state. The event has happened, so this method does not check and cannot fail.
    ///
    /// It must not panic: [`Repository::execute`](crate::Repository::execute) applies an event after it is stored, because a
    /// conflict still needs the state before it. An event on which `apply` panics is then stored, and each later command to
    /// the aggregate panics. So decide with checked arithmetic in `handle`, and test `apply` with
    /// [`Simulation`](crate::Simulation), which applies every decided event.
    fn apply(&mut self, event: Self::Event);
}
