//! Attacks an event store and proves that no committed event is lost, reordered or doubled.
//!
//! Writers append in every way that [`EventStore`](cqrs_core::EventStore) has: to contended and to fresh streams, alone
//! and in units of work that are early, late, undone, held, rolled back, dropped and given up. Readers follow the log
//! meanwhile. A [`Mischief`] does to the store what only that kind of store can suffer. At the end three books are
//! compared: what writers were told, what the store holds, and what each reader saw.
//!
//! ```
//! use cqrs_check::{Calm, Plan, check};
//! use cqrs_core::MemoryEventStore;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), cqrs_check::CheckError> {
//! let plan = Plan { commits: 1_000, ..Plan::default() };
//! let calm = Calm("my store".to_owned());
//! let report = check(plan, MemoryEventStore::default(), calm, std::future::pending()).await?;
//! assert!(report.verdict.is_clean(), "{report}");
//! # Ok(())
//! # }
//! ```

mod audit;
mod books;
mod error;
mod marks;
mod mischief;
mod names;
mod plan;
mod planted;
mod progress;
mod reader;
mod report;
mod run;
mod scene;
mod schema;
mod sightings;
mod stall;
mod truth;
mod verdict;
mod writer;

pub use self::{
    audit::Settled,
    error::CheckError,
    mischief::{Calm, Damage, Hindrance, Mischief, PgMischief, PgMischiefPlan},
    names::{EventNumber, Run, StreamNumber},
    plan::Plan,
    planted::{
        Fault, Forgets, ForgetsKeys, KeepsRolledBack, Miscounts, NaiveReader, OneStatementFence,
        Planted, Repeats, Skips, Swaps, Tears,
    },
    report::Report,
    run::check,
    scene::Scene,
    schema::CheckSchema,
    stall::Stall,
    truth::{Fact, Truth},
    verdict::{Finding, Kind, Verdict},
    writer::Deeds,
};

/// The page that tells how it is used.
#[cfg(doctest)]
#[doc = include_str!("../../docs/how-to/check-your-store.md")]
struct HowTo;
