//! The command line of the check of runners.

use std::time::Duration;

use clap::ValueEnum;
use cqrs_check::{CheckError, RunnerBug, RunnerPlan};

use super::database::{DatabaseOptions, url_of_environment};

/// How long to attack how many processes, and with which faults.
#[derive(Debug, clap::Args)]
pub(crate) struct RunnerOptions {
    #[command(flatten)]
    pub(crate) database: DatabaseOptions,
    /// For how many seconds the processes are attacked. To handle the rest takes some more.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// The number of processes that share the work.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..100))]
    processes: u16,
    /// The time between two ended sessions.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    kill_every_millis: u64,
    /// A shell command that kills the database server and starts it again, for example with kill -9.
    #[arg(long)]
    crash_command: Option<String>,
    /// The seconds between two crashes.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    crash_every: u64,
    /// Plants a bug in the processes that the checker must find.
    #[arg(long)]
    pub(crate) planted: Option<RunnerBugName>,
    /// Prints the report as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What one of the processes runs.
#[derive(Debug, clap::Args)]
pub(crate) struct ProcessOptions {
    /// The schema of the store.
    #[arg(long)]
    pub(crate) schema: String,
    #[arg(long)]
    planted: Option<RunnerBugName>,
}

/// A bug to plant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RunnerBugName {
    /// The role writes in a transaction of its own, not in that of the batch.
    WritesAside,
    /// The role passes over an event that it cannot handle, without an error.
    SwallowsFailures,
}

impl RunnerBugName {
    const fn bug(self) -> RunnerBug {
        match self {
            Self::WritesAside => RunnerBug::WritesAside,
            Self::SwallowsFailures => RunnerBug::SwallowsFailures,
        }
    }
}

impl RunnerOptions {
    pub(crate) fn url(&self) -> Result<String, CheckError> {
        let missing = "the processes share a store on PostgreSQL: give --postgres";
        self.database
            .url()?
            .ok_or_else(|| CheckError::Options(missing.to_owned()))
    }

    pub(crate) fn plan(&self) -> Result<RunnerPlan, CheckError> {
        let program = std::env::current_exe();
        let program = program.map_err(|error| {
            CheckError::Options(format!("the program does not find itself: {error}"))
        })?;
        let crash_every = Duration::from_secs(self.crash_every);
        let crash = self.crash_command.clone();
        Ok(RunnerPlan {
            program,
            time: Duration::from_secs(self.seconds),
            processes: self.processes,
            end_session_every: Duration::from_millis(self.kill_every_millis),
            crash: crash.map(|command| (command, crash_every)),
            planted: self.planted.map(RunnerBugName::bug),
        })
    }
}

impl ProcessOptions {
    pub(crate) fn url() -> Result<String, CheckError> {
        url_of_environment()
    }

    pub(crate) fn planted(&self) -> Option<RunnerBug> {
        self.planted.map(RunnerBugName::bug)
    }
}
