//! The role that reacts to events with commands.

use crate::{
    model::Envelope,
    roles::{
        commands::{Commands, Rejection},
        events::Events,
    },
};

/// What a runner does when an aggregate rejected a reactor's command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnRejected<C> {
    /// Stop at the event, with an error that gives the reason. No event is skipped.
    Park,
    /// Continue: the rejection is expected.
    Ignore,
    /// Send these commands instead.
    Instead(Vec<C>),
}

/// Event -> commands, without a state of its own.
///
/// **Invariant**: the events of its commands and its checkpoint commit together, so no command is executed twice.
pub trait Reactor: Send + Sync + 'static {
    /// The name of the subscription.
    const NAME: &'static str;
    /// The events that it reads.
    type Events: Events;
    /// The commands that it sends: [`To`](crate::To) one aggregate, or a union declared with [`commands!`](crate::commands).
    type Commands: Commands;

    /// The commands that follow from the event.
    fn react(&self, event: &Envelope<Self::Events>) -> Vec<Self::Commands>;

    /// Chooses how to go on after a rejected command. The default is [`Park`](OnRejected::Park), so that an unforeseen
    /// rejection is never lost.
    fn rejected(
        &self,
        event: &Envelope<Self::Events>,
        rejection: &Rejection,
    ) -> OnRejected<Self::Commands> {
        let _ = (event, rejection);
        OnRejected::Park
    }
}
