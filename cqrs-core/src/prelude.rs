//! The types and traits that most programs need: `use cqrs_core::prelude::*;`.
//!
//! It exports the roles, the types that run them, and the traits whose methods a program calls. It leaves out types with
//! common names, such as [`Append`](crate::ports::Append).

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
        Aggregate, Check, Decision, DocumentKeys, OnRejected, Projection, Reactor, Rejection, To,
        View,
    },
    service::Service,
    write::{
        CommandStore, ExecuteError, Executed, ExecutedAll, Loaded, Repository, Simulation,
        SnapshotPolicy,
    },
};
