//! The role that decides: command and state to events.

use crate::model::{Context, Event};

/// What an aggregate answers to a command: the events that follow from it, or why it is refused.
pub type Decision<A> = Result<Vec<<A as Aggregate>::Event>, <A as Aggregate>::Error>;

/// A consistency boundary: the state of one stream, and the rules that its commands must keep.
///
/// `Default` is the state before the first event. Both methods are pure: no I/O, no clock, no randomness, so that a
/// decision can be repeated after a conflict and a state can be rebuilt at any time. What needs the outside world is
/// fetched before, by the caller or in [`Repository::decide`](crate::Repository::decide).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an aggregate",
    note = "implement `Aggregate` for it: command + state -> events"
)]
pub trait Aggregate: Default + Send + Sync + 'static {
    /// What can be asked of it. `Clone`, because a conflict asks again on fresh state.
    type Command: Clone + Send + Sync + 'static;
    /// What can happen to it.
    type Event: Event;
    /// Why a command is refused.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Decides. No events mean that nothing is to happen, which is no error.
    ///
    /// # Errors
    /// The rule that the command breaks. A refused command is never retried.
    fn handle(&self, command: Self::Command, context: &Context) -> Decision<Self>;

    /// Takes an event into the state. It has happened: there is nothing to check and nothing to refuse.
    fn apply(&mut self, event: Self::Event);
}
