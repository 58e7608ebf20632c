//! Appends: one alone goes straight to the server, several at once share a statement, a transaction and a commit.
//!
//! ```text
//! append ── nobody else is at it ──> alone: a connection of its own, may wait for a guard
//!    └───── others are ──> queue ──> writer: a batch, tries the guards ── busy, or refused together ──> alone
//! ```
//!
//! **Invariants**
//! - A batch never waits for anybody: it tries guards, and what is busy leaves it. So neither a deadlock nor a transaction
//!   that sits on a guard can fail or hold up the appends of others.
//! - Each append has a verdict of its own. If the server refuses a batch as a whole, each of it is made again alone.
//! - Work belongs to the writer from the queue on: a caller who stops waiting has appended all or nothing.
//! - If the connection dies, exactly the appends on their way have an unknown outcome, and are told so.

mod alone;
mod batch;
mod columns;
mod job;
mod keys;
mod one;
mod patience;
mod queue;
mod seen;
mod turns;
mod verdict;
mod writer;
mod writing;

pub(crate) use self::{
    alone::append_in,
    keys::appended_under,
    queue::Appender,
    seen::Seen,
    turns::Turns,
    writing::{Lines, Writing},
};
