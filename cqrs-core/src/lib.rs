//! Event sourcing and CQRS: the model, its ports, and the one runner around them.
//!
//! What a user writes is a pure, synchronous role; what touches the world is written once, here:
//!
//! | Role | From -> to |
//! | --- | --- |
//! | [`Aggregate`] | command + state -> events |
//! | [`View`] | event + document -> document |
//! | [`Reactor`] | event -> commands |
//!
//! ```
//! use cqrs_core::{Aggregate, Context, Decision, Event, MemoryEventStore, Repository};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! enum CounterEvent { Counted { by: u64 } }
//! impl Event for CounterEvent { const CATEGORY: &'static str = "counter"; }
//!
//! #[derive(Default)]
//! struct Counter { total: u64 }
//! impl Aggregate for Counter {
//!     type Command = u64;
//!     type Event = CounterEvent;
//!     type Error = std::convert::Infallible;
//!     fn handle(&self, by: u64, _: &Context) -> Decision<Self> { Ok(vec![CounterEvent::Counted { by }]) }
//!     fn apply(&mut self, event: CounterEvent) { let CounterEvent::Counted { by } = event; self.total += by; }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let counters = Repository::<Counter, _>::new(MemoryEventStore::default());
//! counters.execute("clicks", 2).await?;
//! let done = counters.execute("clicks", 3).await?;
//! assert_eq!(done.version.get(), 2);
//! assert_eq!(counters.load("clicks").await?.state.total, 5);
//! # Ok(())
//! # }
//! ```
//!
//! # Commands
//!
//! | I want to | Use |
//! | --- | --- |
//! | send a command, again after a conflict | [`Repository::execute`]; with I/O in the decision [`Repository::decide`] |
//! | have it done once, however often it is sent | [`Execute::idempotency_key`] |
//! | change several aggregates, all or none | [`CommandStore::execute_all`] with [`To`] and [`Check`] |
//! | append in a transaction of my own | [`EventStore::append_in`] |
//! | keep long streams cheap | [`Repository::snapshots`], [`Repository::cache`] |
//! | simulate, without a store | [`Simulation`] |
//!
//! # Layers, bottom up
//!
//! Each module imports from those above it in this table only.
//!
//! | Module | What is in it |
//! | --- | --- |
//! | [`codec`] | events to and from a type and a payload |
//! | `model` | [`StreamId`], [`Version`], [`Position`], [`Event`], [`RecordedEvent`], [`ExpectedVersion`], [`Checkpoint`] |
//! | `ports` | what an adapter offers: [`UnitOfWork`] and on it [`EventStore`], [`Snapshots`], [`Checkpoints`], [`Documents`], [`Inbox`] (all together: [`Store`]); [`Source`] and its [`Reader`]; [`Publisher`] and its [`PublisherSession`] |
//! | `roles` | what a user writes: [`Aggregate`], [`View`], [`Reactor`] with its [`Commands`], [`Projection`] |
//! | `write` | [`Repository`] and [`Simulation`] |
//! | `read` | [`Runner`], [`Handler`], [`ReadModel`] |
//! | `relay` | [`Relay`] |
//! | `memory` | [`MemoryEventStore`], the shortest correct adapter: read it first |
//!
//! The crate `cqrs-testing` has given-when-then for aggregates, views and reactors, and the contract of a store.

pub mod codec;
mod memory;
mod model;
mod ports;
mod read;
mod relay;
mod roles;
mod write;

pub use self::{
    memory::{MemoryEventStore, MemoryTransaction},
    model::{
        Category, Checkpoint, Claim, Conflict, Context, Envelope, Event, EventId, ExpectedVersion,
        Idempotency, IdempotencyKey, InvalidName, KeyReused, Lane, Metadata, NewEvent, Offset,
        PartitionId, Position, Reads, RecordedEvent, RetryPolicy, Slices, StreamId, Version,
    },
    ports::{
        Append, Appended, Appends, Batch, BoxError, Checkpoints, Document, DocumentWrite,
        Documents, EventStore, Inbox, LogPage, LogQuery, PastEvent, PublishError, Publisher,
        PublisherSession, Reader, Snapshot, Snapshots, Source, SourceError, Store, StoreError,
        StoreErrorKind, UnitOfWork, WriteError, decode_document, reset_view,
    },
    read::{
        Handler, IntoHandler, LogReader, LogSource, ProjectionRunner, ReadModel, Runner,
        RunnerError, role,
    },
    relay::{Relay, RelayError},
    roles::{
        Aggregate, Check, CommandVisitor, Commands, Decision, Events, HandlerError, Keys,
        OnRejected, Projection, Reactor, Rejection, SerializableCommands, To, View, decode_one,
        reads_one,
    },
    write::{
        ByCommand, ByFunction, CommandStore, Decide, Execute, ExecuteAll, ExecuteAllError,
        ExecuteError, Executed, ExecutedAll, Loaded, Repository, Simulation, SnapshotPolicy,
    },
};

#[doc(hidden)]
pub mod __private {
    pub use serde_json::{Error as JsonError, Value};

    pub use crate::roles::Serializable;
}
