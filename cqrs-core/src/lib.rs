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
//! | change several aggregates, all or none | [`Repository::load`], [`Loaded::expected`], [`EventStore::append_all`] |
//! | have one stand still meanwhile | an [`Append`] without events |
//! | append in a transaction of my own | [`EventStore::append_in`] |
//! | keep long streams cheap | [`Repository::snapshots`], [`Repository::cache`] |
//! | simulate, without a store | [`Simulation`] |
//!
//! # Layout, bottom up
//!
//! - What knows nothing: [`StreamId`], [`Version`], [`Position`], [`Event`] and its codec, the errors.
//! - Roles, which know events: [`Aggregate`], [`View`], [`Reactor`] with its [`Commands`].
//! - Ports, which an adapter offers: [`UnitOfWork`] and on it [`EventStore`], [`Snapshots`], [`Checkpoints`], [`Documents`],
//!   [`Inbox`] (all together: [`Store`]); [`Source`] and its [`Reader`]; [`Publisher`] and its [`PublisherSession`].
//! - What drives: [`Repository`], [`Runner`], [`Relay`]; what asks: [`ReadModel`]; what needs no store: [`Simulation`].
//! - [`MemoryEventStore`], the shortest correct adapter: read it first. `testing`: given, when, then.

mod aggregate;
mod checkpoint;
pub mod codec;
mod commands;
mod context;
mod documents;
mod error;
mod event;
mod event_store;
mod events;
mod handler;
mod hash;
mod idempotency;
mod inbox;
mod log_source;
mod memory;
mod metadata;
mod number;
mod publisher;
mod reactor;
mod read_model;
mod recorded_event;
mod relay;
mod repository;
mod retry;
mod runner;
mod shape;
mod simulation;
mod snapshots;
mod source;
mod store;
mod stream;
#[cfg(feature = "testing")]
pub mod testing;
mod unit_of_work;
mod view;

pub use self::{
    aggregate::{Aggregate, Decision},
    checkpoint::{Checkpoint, Checkpoints, Claim, Offset, PartitionId},
    commands::{Commands, Decisions, Dispatch, Rejection, To},
    context::Context,
    documents::{Document, DocumentWrite, Documents, decode_document},
    error::{BoxError, Conflict, StoreError, StoreErrorKind, WriteError},
    event::{Event, NewEvent, Reads},
    event_store::{
        Append, Appended, Appends, EventStore, ExpectedVersion, LogPage, LogQuery, PastEvent,
    },
    events::{Events, decode_one, reads_one},
    handler::{Handler, HandlerError, IntoHandler, Projection, role},
    idempotency::{Idempotency, IdempotencyKey, KeyReused},
    inbox::{Inbox, Lane},
    log_source::{LogReader, LogSource},
    memory::{MemoryEventStore, MemoryTransaction},
    metadata::Metadata,
    number::{Position, Slices, Version},
    publisher::{PublishError, Publisher, PublisherSession},
    reactor::{OnRejected, Reactor},
    read_model::ReadModel,
    recorded_event::{Envelope, EventId, RecordedEvent},
    relay::{Relay, RelayError},
    repository::{Execute, ExecuteError, Executed, Loaded, Repository, SnapshotPolicy},
    retry::RetryPolicy,
    runner::{ProjectionRunner, Runner, RunnerError},
    simulation::Simulation,
    snapshots::{Snapshot, Snapshots},
    source::{Batch, Reader, Source, SourceError},
    store::{Store, reset_view},
    stream::{Category, InvalidName, StreamId},
    unit_of_work::UnitOfWork,
    view::{Keys, View},
};
