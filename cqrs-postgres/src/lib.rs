//! The PostgreSQL adapter of [`cqrs_core`]: the event store, idempotency keys, snapshots, checkpoints, inbox and documents, all in one
//! database and one transaction. Works on PostgreSQL 15 to 18.
//!
//! ```no_run
//! # async fn run() -> Result<(), cqrs_core::StoreError> {
//! use cqrs_postgres::{PgConfig, PgEventStore};
//!
//! let config = PgConfig::new("postgres://localhost/bank").schema("bank");
//! PgEventStore::install(&config).await?; // creates or upgrades the schema; needs the right to create
//! let store = PgEventStore::connect(&config).await?;
//! # Ok(())
//! # }
//! ```
//!
//! | I want to | Use |
//! | --- | --- |
//! | create or upgrade the schema | [`PgEventStore::install`] |
//! | give a role what it needs, and no right to touch an event | [`PgEventStore::grant`], [`Access`] |
//! | open the store | [`PgEventStore::connect`], [`PgConfig`] |
//! | append, load, follow the log | the ports of [`cqrs_core`], through its `Repository`, `Runner` and `Relay` |
//! | write SQL of my own in the same transaction | [`PgTransaction`], [`store_error`] |
//! | query a view's table | [`PgEventStore::view_table`], [`PgEventStore::pool`] |
//! | find the transactions that hold readers back | [`PgEventStore::fence_holders`], [`FenceHolder`] |
//!
//! Concurrent appends of one process share a statement and a commit, each with its own verdict. One that is alone goes straight
//! to the server.
//!
//! How to [run it on your servers](cqrs_core::guide::run_on_your_servers) and [with the least
//! privilege](cqrs_core::guide::run_with_least_privilege), and [how an append works](cqrs_core::guide::appending).
//!
//! This crate names sqlx in its public API on purpose: a [`Projection`](cqrs_core::Projection) with SQL of its own gets
//! the connection inside the transaction that moves its checkpoint, see [`PgTransaction`].

mod append;
mod batching;
mod connect;
mod error;
mod fence_holders;
mod own_session;
mod ports;
mod replay;
mod row;
mod schema;
mod sql;
mod store;
mod time_limit;
mod transaction;

pub use self::{
    connect::config::PgConfig, error::store_error, fence_holders::FenceHolder, schema::Access,
    store::PgEventStore, transaction::PgTransaction,
};
