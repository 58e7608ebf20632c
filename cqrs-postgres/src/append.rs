//! Appends: one that is alone goes straight to the server, several share a statement, a transaction and a commit.
//!
//! ```text
//! submit ── no other append in flight ──> single: a connection of its own, may wait for a guard
//!    └───── others in flight ──> queue ──> writer: a batch, tries the guards ── busy, or rejected together ──> single
//! ```
//!
//! **Invariants**
//! - A batch never waits for anybody: it tries guards, and an append that finds one held leaves the batch. So neither a deadlock
//!   nor a transaction that holds a guard can fail or delay other appends.
//! - Each append has a verdict of its own. If the server rejects a batch as a whole, each of its appends is made again alone.
//! - From the queue on, an append belongs to the writer: a caller who stops waiting has appended all or nothing.
//! - If the connection breaks, exactly the appends on it have an unknown outcome, and their callers learn that.

mod batch;
mod call;
mod guard_queue;
mod in_transaction;
mod job;
mod keys;
mod single;
mod stream_heads;
mod submit;
mod verdict;
mod writer;

pub(crate) use self::{
    call::EventColumns, in_transaction::append_in, keys::appended_under, submit::Appender,
};
