//! The raw limit: the same work in plain SQL and with a plain producer, without guards, fences and checkpoints.

mod decode;
mod events;
mod fold;
mod produce;

pub(crate) use self::{
    events::RawEvents,
    fold::{LogEvents, Write},
    produce::produce,
};
