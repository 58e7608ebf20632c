//! The raw limit: the same work with plain SQL and a plain producer, without guards, fences and checkpoints.

mod batch;
mod decode;
mod encode;
mod events;
mod fold;
mod produce;

pub(crate) use self::{
    batch::BatchedEvents,
    events::{RawEvents, Read, Session},
    fold::{LogEvents, Write},
    produce::{Target, produce},
};
