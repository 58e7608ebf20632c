//! Event sourcing and CQRS: the model, the ports of a store, and the code that runs aggregates, views and reactors.
//!
//! You write roles. The first three are pure and synchronous; this crate does the I/O around them. A projection writes
//! with its own SQL.
//!
//! | Role | Input -> output |
//! | --- | --- |
//! | [`Aggregate`] | command + state -> events |
//! | [`View`] | event + document -> document |
//! | [`Reactor`] | event -> commands |
//! | [`Projection`] | events + transaction -> writes |
//!
//! The [`guide`] has a tutorial, how-to pages and explanations.
//!
//! ```
//! use cqrs_core::prelude::*;
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
//! let counters = MemoryEventStore::default().repository::<Counter>();
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
//! | execute a command, with retries after a conflict | [`Repository::execute`]; with I/O in the decision [`Repository::decide`] |
//! | execute a command at most once | [`Execute::idempotency_key`](write::Execute::idempotency_key) |
//! | change several aggregates, all or none | [`CommandStore::execute_all`] with [`To`] and [`Check`] |
//! | append in my own transaction | [`EventStore::append_in`] |
//! | keep long streams cheap | [`Repository::snapshots`], [`Repository::cache`] |
//! | simulate without a store | [`Simulation`] |
//!
//! # Layers, bottom up
//!
//! The root exports the types that most programs name; [`prelude`] imports most of them at once. The modules hold the
//! rest, for authors of adapters. Each module imports only from the modules above it in this table.
//!
//! | Module | Contents |
//! | --- | --- |
//! | [`codec`] | converts events to and from a type and a payload |
//! | [`model`] | [`StreamId`], [`Version`], [`Position`], [`Event`], [`RecordedEvent`], [`ExpectedVersion`], checkpoints |
//! | [`ports`] | the traits of an adapter: a [`Store`] with its [`EventStore`], a source of events, a publisher; and their errors |
//! | [`roles`] | the traits of a user: [`Aggregate`], [`View`], [`Reactor`], [`Projection`] |
//! | [`write`](mod@write) | [`Repository`], [`CommandStore`] and [`Simulation`] |
//! | [`run_loop`] | [`Progress`] of a runner, a relay or a source |
//! | [`read`] | [`Runner`] and [`ReadModel`] |
//! | [`relay`] | [`Relay`] |
//! | [`service`] | [`Service`], which runs the parts of a process together |
//! | [`memory`] | [`MemoryEventStore`], the shortest correct adapter: read it before you write one |
//!
//! The crate `cqrs-testing` has given-when-then tests and laws for aggregates, views and reactors, and a contract suite for stores.

pub mod codec;
pub mod guide;
pub mod memory;
pub mod model;
pub mod ports;
pub mod prelude;
pub mod read;
pub mod relay;
pub mod roles;
pub mod run_loop;
pub mod service;
pub mod telemetry;
pub mod write;

#[doc(hidden)]
pub use self::roles::__private;
#[doc(inline)]
pub use self::{
    memory::MemoryEventStore,
    model::{
        Context, Envelope, Event, EventId, ExpectedVersion, IdempotencyKey, Metadata, Position,
        RecordedEvent, RetryPolicy, StreamId, Version, chain,
    },
    ports::{EventStore, Store, StoreError, StoreErrorKind},
    read::{ReadModel, Runner, role},
    relay::Relay,
    roles::{
        Aggregate, Check, Decision, DocumentKeys, HandlerError, OnRejected, Projection, Reactor,
        Rejection, To, View,
    },
    run_loop::Progress,
    service::Service,
    write::{
        CommandStore, ExecuteError, Executed, ExecutedAll, Loaded, Repository, Simulation,
        SnapshotPolicy,
    },
};
