//! What most programs name, for one `use cqrs_core::prelude::*;`.
//!
//! It holds the roles, what drives them, and the traits whose methods a program calls. Types with common names, such as
//! [`Append`](crate::Append), are not in it.

pub use crate::{
    commands, events,
    memory::MemoryEventStore,
    model::{
        Context, Envelope, Event, EventId, ExpectedVersion, IdempotencyKey, Metadata, Position,
        RecordedEvent, RetryPolicy, StreamId, Version,
    },
    ports::{EventStore, Store},
    read::{ReadModel, Runner},
    relay::Relay,
    roles::{
        Aggregate, Check, Decision, Keys, OnRejected, Projection, Reactor, Rejection, To, View,
    },
    write::{
        CommandStore, ExecuteAllError, ExecuteError, Executed, ExecutedAll, Loaded, Repository,
        Simulation, SnapshotPolicy,
    },
};
