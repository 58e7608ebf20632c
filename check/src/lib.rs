//! Attacks an event store and checks that no committed event is lost, reordered or duplicated.
//!
//! Writers append in every way that [`EventStore`](cqrs_core::EventStore) supports: to contended and to new streams, alone
//! and in units of work that begin early, wait, roll back to a savepoint, are rolled back, dropped or abandoned. Readers
//! follow the log at the same time. A [`FaultInjector`] causes the faults that only one kind of store has, such as lost
//! connections. At the end three records are compared: the answers that writers got, the events in the store, and the
//! events that each reader saw.
//!
//! [`check_runner`] does the same to processes that share a subscription over the log.
//!
//! ```
//! use cqrs_check::{NoFaults, Plan, check};
//! use cqrs_core::MemoryEventStore;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), cqrs_check::CheckError> {
//! let plan = Plan { commits: 1_000, ..Plan::default() };
//! let faults = NoFaults("my store".to_owned());
//! let report = check(plan, MemoryEventStore::default(), faults, std::future::pending()).await?;
//! assert!(report.verdict.is_clean(), "{report}");
//! # Ok(())
//! # }
//! ```

mod audit;
mod bugs;
mod error;
mod event_set;
mod faults;
mod history;
mod ids;
mod observations;
mod plan;
mod progress_line;
mod reader;
mod report;
mod run;
mod run_state;
mod runner;
mod schema;
mod slices;
mod stall;
mod stored;
mod stream_versions;
mod verdict;
mod writer;

pub use self::{
    audit::UnknownOutcomes,
    bugs::{
        Bug, CommitsRollbacks, ForgetsAppends, ForgetsKeys, NaiveReader, OneStatementFence,
        RepeatsEvents, ReturnsWrongVersion, SkipsEvents, SwapsEvents, TearsAppends, WithBug,
    },
    error::CheckError,
    faults::{Blocker, FaultCounts, FaultInjector, NoFaults, PgFaultPlan, PgFaults, PreparedEnd},
    ids::{EventOrigin, RunId, StreamNumber},
    plan::Plan,
    report::Report,
    run::check,
    run_state::RunState,
    runner::{RunnerBug, RunnerCounts, RunnerPlan, RunnerReport, check_runner, run_process},
    schema::CheckSchema,
    slices::misplaced_streams,
    stall::Stall,
    stored::{StoredEvent, StoredEvents},
    verdict::{Finding, Verdict, Violation},
    writer::WriterStats,
};

/// The guide, as a doctest.
#[cfg(doctest)]
#[doc = include_str!("../../docs/how-to/check-your-store.md")]
struct HowTo;
