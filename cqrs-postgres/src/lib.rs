//! PostgreSQL under [`cqrs_core`]: the event store, checkpoints, inbox and documents, all in one database and one
//! transaction. Works on PostgreSQL 15 to 18.
//!
//! ```no_run
//! # async fn run() -> Result<(), cqrs_core::StoreError> {
//! use cqrs_postgres::{PgConfig, PgEventStore};
//!
//! let config = PgConfig::new("postgres://localhost/bank").schema("bank");
//! PgEventStore::install(&config).await?; // creates or upgrades the schema; needs the right to
//! let store = PgEventStore::connect(&config).await?;
//! # Ok(())
//! # }
//! ```
//!
//! This crate names sqlx in its public API on purpose: a [`Projection`](cqrs_core::Projection) with SQL of its own gets
//! the connection inside the very transaction that moves its checkpoint, see [`PgTransaction`].

mod append;
mod checkpoints;
mod config;
mod connection;
mod documents;
mod error;
mod event_store;
mod held_mark;
mod inbox;
mod line;
mod log;
mod replay;
mod row;
mod schema;
mod statements;
mod store;
mod together;
mod transaction;

pub use self::{
    config::PgConfig, error::store_error, held_mark::FenceHolder, schema::Access,
    store::PgEventStore, transaction::PgTransaction,
};
