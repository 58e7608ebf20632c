//! What a user writes: aggregates, views, reactors and projections, with the events they read and the commands they send.

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
        Check, CommandVisitor, Commands, Rejection, Serializable, SerializableCommands, To,
    },
    events::{Events, decode_one, reads_one},
    handler_error::HandlerError,
    projection::Projection,
    reactor::{OnRejected, Reactor},
    view::{Keys, View},
};
