//! The role that answers events with commands.

use crate::{
    model::Envelope,
    roles::{
        commands::{Commands, Rejection},
        events::Events,
    },
};

/// What to do about a command that its aggregate refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnRejected<C> {
    /// Hold the event: the runner stops in front of it with an error that says why. Nothing is skipped.
    Park,
    /// The refusal is fine: go on.
    Ignore,
    /// Send these instead.
    Instead(Vec<C>),
}

/// Event to commands, without a state of its own.
///
/// **Invariant**: the events that its commands bring about and the checkpoint commit together, so nothing is done twice.
pub trait Reactor: Send + Sync + 'static {
    /// Names the subscription.
    const NAME: &'static str;
    /// What it reads.
    type Events: Events;
    /// What it sends: [`To`](crate::To) one aggregate, or a union declared with [`commands!`](crate::commands).
    type Commands: Commands;

    /// The commands that follow from the event.
    fn react(&self, event: &Envelope<Self::Events>) -> Vec<Self::Commands>;

    /// Decides about a command that was refused. Parks by default: a refusal that nobody thought of must not vanish.
    fn rejected(
        &self,
        event: &Envelope<Self::Events>,
        rejection: &Rejection,
    ) -> OnRejected<Self::Commands> {
        let _ = (event, rejection);
        OnRejected::Park
    }
}
