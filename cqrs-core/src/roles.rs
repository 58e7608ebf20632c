//! The traits that a user implements: aggregates, views, reactors and projections, with their events and commands.

mod aggregate;
mod commands;
mod events;
mod handler_error;
mod projection;
mod reactor;
mod view;

pub use self::{
    aggregate::{Aggregate, Decision},
    commands::{
        Check, CommandVisitor, Commands, CommandsJson, Rejection, SerializableCommands,
        SingleCommand, To,
    },
    events::Events,
    handler_error::HandlerError,
    projection::Projection,
    reactor::{OnRejected, Reactor},
    view::{DocumentKeys, View},
};

/// The items that the expansions of `commands!` and `events!` use. Not part of the API.
#[doc(hidden)]
pub mod __private {
    pub use super::{
        commands::Serializable,
        events::{decode_rest, ignores_one, reads_one},
    };
}
