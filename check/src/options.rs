//! The command line.

use std::time::Duration;

use clap::{Parser, ValueEnum};
use cqrs_check::{EventNumber, PgMischiefPlan, Plan};

/// Attacks an event store and proves that no committed event is lost, reordered or doubled.
#[derive(Debug, Parser)]
pub(crate) enum Command {
    /// Attacks a store: in memory, or on PostgreSQL if --database-url is given.
    Store(StoreOptions),
}

/// What to attack, how long, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct StoreOptions {
    /// A database, as postgres://user:password@host:port/database. A schema is made in it and dropped at the end.
    #[arg(long)]
    pub(crate) database_url: Option<String>,
    /// The schema to make, instead of one with a name by chance. If it exists, it must hold a store without events, and
    /// is not dropped.
    #[arg(long, requires = "database_url")]
    pub(crate) schema: Option<String>,
    /// Keeps the schema, to look into it.
    #[arg(long, requires = "database_url")]
    pub(crate) keep: bool,
    /// Ends after so many acknowledged appends.
    #[arg(long, default_value_t = 100_000)]
    commits: u64,
    /// Ends after so many seconds, if that comes first.
    #[arg(long)]
    seconds: Option<u64>,
    /// How many write at once.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..1_000))]
    writers: u16,
    /// How many follow the log at once.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..1_000))]
    readers: u16,
    /// Makes the same choices again. What comes of them depends on the hour.
    #[arg(long)]
    seed: Option<u64>,
    /// Leaves the store's connections alone.
    #[arg(long)]
    no_kills: bool,
    /// How often one of the store's connections is ended.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    kill_every_millis: u64,
    /// Holds no guards of streams.
    #[arg(long)]
    no_held_guards: bool,
    /// Keeps no old transactions open.
    #[arg(long)]
    no_old_transactions: bool,
    /// Prepares some transactions, which another session ends. The server must have `max_prepared_transactions`; a checker
    /// that is killed leaves some behind, called `cqrs-check ..`.
    #[arg(long, requires = "database_url")]
    prepared_transactions: bool,
    /// Nobody sits on an append for seconds.
    #[arg(long)]
    no_sitters: bool,
    /// A shell command that kills the database server at once and brings it back, for example with kill -9.
    #[arg(long, requires = "database_url")]
    crash_command: Option<String>,
    /// How many seconds lie between two crashes.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    crash_every: u64,
    /// Plants a fault that the checker must find.
    #[arg(long)]
    pub(crate) planted: Option<Fault>,
    /// Prints the report as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Prints no line of progress.
    #[arg(long)]
    quiet: bool,
}

/// A fault to plant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fault {
    /// PostgreSQL: readers take `position > last`, as most frameworks do.
    NaiveReader,
    /// PostgreSQL: readers take the high-water mark and the events in one statement.
    OneStatementFence,
    /// Readers leave an event out, now and then.
    SkippingReader,
    /// Readers get an event twice, now and then.
    RepeatingReader,
    /// Readers get two events in the wrong order, now and then.
    SwappingReader,
    /// An append says that it has landed and has not, now and then.
    ForgetfulAppend,
    /// An append under a key forgets the key, now and then.
    ForgottenKey,
    /// An append to several streams leaves one of them out, now and then.
    TornAppend,
    /// A rollback commits, now and then.
    KeptRollback,
    /// An append answers with a wrong version, now and then.
    WrongVersion,
}

impl StoreOptions {
    pub(crate) fn plan(&self) -> Plan {
        let defaults = Plan::default();
        Plan {
            commits: self.commits,
            at_most: self.seconds.map(Duration::from_secs),
            writers: self.writers.min(EventNumber::WRITERS / 2),
            readers: self.readers,
            sitters: if self.no_sitters { 0 } else { defaults.sitters },
            seed: self.seed.unwrap_or(defaults.seed),
            progress: !self.quiet,
        }
    }

    pub(crate) fn mischief(&self) -> PgMischiefPlan {
        let all = PgMischiefPlan::all();
        let kill_every = Duration::from_millis(self.kill_every_millis);
        let crash_every = Duration::from_secs(self.crash_every);
        PgMischiefPlan {
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

    /// One for everybody who writes or reads, and some to spare for transactions that are being rolled back.
    pub(crate) fn connections(&self) -> u32 {
        u32::from(self.writers) + u32::from(self.readers) + 8
    }
}
