//! Attacks a runner: processes share one subscription over the log of a store on PostgreSQL, while they are killed and stopped.
//!
//! Writers append to many streams. The processes run a [journal](journal::Journal), which adds a row for each event that it handles.
//! Meanwhile they are killed, stopped for longer than their lease and continued; sessions are ended, the server may crash, the number of
//! partitions changes, and events that cannot be handled are parked, repaired and redriven. At the end everything is drained. Then the
//! rows are compared with the log: each event once, in the order of its stream.

mod attack;
mod counts;
mod drain;
mod events;
mod journal;
mod judge;
mod layout;
mod parking;
mod plan;
mod process;
mod processes;
mod report;
mod run;
mod store;
mod tables;
mod tolerate;
mod writers;

pub use self::{
    counts::RunnerCounts, journal::RunnerBug, plan::RunnerPlan, process::run_process,
    report::RunnerReport, run::check_runner,
};
