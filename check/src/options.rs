//! The command line.

mod database;
mod runner;

use std::time::Duration;

use clap::{Parser, ValueEnum};
use cqrs_check::{EventOrigin, PgFaultPlan, Plan};

pub(crate) use self::{
    database::DatabaseOptions,
    runner::{ProcessOptions, RunnerOptions},
};

/// Attacks an event store, or the runners over its log, and checks that no event is lost, reordered or duplicated.
#[derive(Debug, Parser)]
pub(crate) enum Command {
    /// Attacks a store: in memory, or on PostgreSQL if --postgres or --database-url-file is given.
    Store(StoreOptions),
    /// Attacks processes that share a subscription over the log of a store on PostgreSQL: they are killed and stopped, the number of
    /// partitions changes, events are parked and redriven. At the end each event must have been handled once, in the order of its stream.
    Runner(RunnerOptions),
    /// One of those processes. Only the checker starts it.
    #[command(hide = true)]
    RunnerProcess(ProcessOptions),
}

/// The store to attack, how long, and with which faults.
#[derive(Debug, clap::Args)]
pub(crate) struct StoreOptions {
    #[command(flatten)]
    pub(crate) database: DatabaseOptions,
    /// Stops after this many acknowledged appends.
    #[arg(long, default_value_t = 100_000)]
    commits: u64,
    /// Stops after this many seconds, if that is earlier.
    #[arg(long)]
    seconds: Option<u64>,
    /// The number of concurrent writers.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..1_000))]
    writers: u16,
    /// The number of concurrent readers of the log.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..1_000))]
    readers: u16,
    /// Repeats the random choices of an earlier run. The timing still differs.
    #[arg(long)]
    seed: Option<u64>,
    /// Does not end connections of the store.
    #[arg(long)]
    no_kills: bool,
    /// The time between two ended connections.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    kill_every_millis: u64,
    /// Does not hold the guards of streams.
    #[arg(long)]
    no_held_guards: bool,
    /// Does not keep old transactions open.
    #[arg(long)]
    no_old_transactions: bool,
    /// Prepares some transactions, which another session ends. The server needs `max_prepared_transactions`. A checker that
    /// is killed leaves some behind, with names that begin with `cqrs-check`.
    #[arg(long, requires = "on_postgres")]
    prepared_transactions: bool,
    /// No writer waits for seconds between an append and its commit.
    #[arg(long)]
    no_slow_writers: bool,
    /// A shell command that kills the database server and starts it again, for example with kill -9.
    #[arg(long, requires = "on_postgres")]
    crash_command: Option<String>,
    /// The seconds between two crashes.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    crash_every: u64,
    /// Plants a bug in the store that the checker must find.
    #[arg(long)]
    pub(crate) planted: Option<BugName>,
    /// Prints the report as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Prints no progress.
    #[arg(long)]
    quiet: bool,
}

/// A bug to plant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BugName {
    /// PostgreSQL: readers read `position > last`, as most frameworks do.
    NaiveReader,
    /// PostgreSQL: readers read the high-water mark and the events in one statement.
    OneStatementFence,
    /// Readers sometimes miss an event.
    SkippingReader,
    /// Readers sometimes get an event twice.
    RepeatingReader,
    /// Readers sometimes get two events in the wrong order.
    SwappingReader,
    /// An append is sometimes acknowledged but not done.
    ForgetfulAppend,
    /// An append under a key sometimes ignores the key.
    ForgottenKey,
    /// An append to several streams sometimes leaves one of them out.
    TornAppend,
    /// A rollback sometimes commits.
    KeptRollback,
    /// An append sometimes returns a wrong version.
    WrongVersion,
}

impl StoreOptions {
    pub(crate) fn plan(&self) -> Plan {
        let defaults = Plan::default();
        Plan {
            commits: self.commits,
            time_limit: self.seconds.map(Duration::from_secs),
            writers: self.writers.min(EventOrigin::WRITERS / 2),
            readers: self.readers,
            slow_writers: if self.no_slow_writers {
                0
            } else {
                defaults.slow_writers
            },
            seed: self.seed.unwrap_or(defaults.seed),
            progress: !self.quiet,
        }
    }

    pub(crate) fn faults(&self) -> PgFaultPlan {
        let all = PgFaultPlan::all();
        let kill_every = Duration::from_millis(self.kill_every_millis);
        let crash_every = Duration::from_secs(self.crash_every);
        PgFaultPlan {
            kill_every: (!self.no_kills).then_some(kill_every),
            hold_guard_every: all.hold_guard_every.filter(|_| !self.no_held_guards),
            old_transactions: !self.no_old_transactions,
            prepared: self.prepared_transactions,
            crash: self
                .crash_command
                .clone()
                .map(|command| (command, crash_every)),
        }
    }

    /// One connection for each writer and reader, and some more for transactions that are being rolled back.
    pub(crate) fn connections(&self) -> u32 {
        u32::from(self.writers) + u32::from(self.readers) + 8
    }
}
