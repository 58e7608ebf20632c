//! The checker as a command.
//!
//! ```sh
//! cargo run --release -p cqrs-check -- store                                   # the store in memory
//! cargo run --release -p cqrs-check -- store --postgres                        # the store on PostgreSQL that DATABASE_URL names
//! cargo run --release -p cqrs-check -- store --postgres --planted naive-reader
//! ```
//!
//! The exit code is 0 if every promise was kept, 1 if one was broken, and 2 if the check could not run.

mod options;

use std::process::ExitCode;

use clap::Parser;
use cqrs_check::{
    CheckError, CheckSchema, CommitsRollbacks, FaultInjector, ForgetsAppends, ForgetsKeys,
    NaiveReader, NoFaults, OneStatementFence, PgFaults, Plan, RepeatsEvents, Report,
    ReturnsWrongVersion, SkipsEvents, SwapsEvents, TearsAppends, WithBug, check,
};
use cqrs_core::{EventStore, MemoryEventStore};

use self::options::{BugName, Command, StoreOptions};

#[tokio::main]
async fn main() -> ExitCode {
    let Command::Store(options) = Command::parse();
    match run(&options).await {
        Ok(report) => {
            if options.json {
                println!("{}", report.to_json());
            } else {
                println!("{report}");
            }
            ExitCode::from(u8::from(is_broken(&report)))
        }
        Err(error) => {
            eprintln!("the check could not run: {}", cqrs_core::chain(&error));
            ExitCode::from(2)
        }
    }
}

fn is_broken(report: &Report) -> bool {
    !report.verdict.is_clean()
}

async fn run(options: &StoreOptions) -> Result<Report, CheckError> {
    match options.database_url()? {
        None => in_memory(options).await,
        Some(url) => {
            let url = url.as_str();
            let schema = CheckSchema::open(url, options.schema.clone()).await?;
            let report = on_postgres(options, url, &schema).await;
            let is_evidence = options.planted.is_none() && report.as_ref().is_ok_and(is_broken);
            if options.keep || is_evidence {
                eprintln!("schema {} is kept", schema.name());
            } else {
                schema.drop().await?;
            }
            report
        }
    }
}

async fn in_memory(options: &StoreOptions) -> Result<Report, CheckError> {
    let faults = NoFaults("in memory".to_owned());
    with_any_bug(options, MemoryEventStore::default(), faults).await
}

async fn on_postgres(
    options: &StoreOptions,
    url: &str,
    schema: &CheckSchema,
) -> Result<Report, CheckError> {
    let store = schema.store(options.connections()).await?;
    let handle = store.clone();
    let faults = PgFaults::new(url, &store, options.faults()).await?;
    let plan = options.plan();
    let report = match options.planted {
        Some(BugName::NaiveReader) => attack(plan, WithBug::new(store, NaiveReader), faults).await,
        Some(BugName::OneStatementFence) => {
            attack(plan, WithBug::new(store, OneStatementFence), faults).await
        }
        _ => with_any_bug(options, store, faults).await,
    };
    handle.close().await;
    report
}

/// Plants one of the bugs that any store can have, or none.
async fn with_any_bug<S: EventStore, F>(
    options: &StoreOptions,
    store: S,
    faults: F,
) -> Result<Report, CheckError>
where
    F: FaultInjector<S::Transaction>,
{
    let plan = options.plan();
    let Some(bug) = options.planted else {
        return attack(plan, store, faults).await;
    };
    match bug {
        BugName::SkippingReader => attack(plan, WithBug::new(store, SkipsEvents), faults).await,
        BugName::RepeatingReader => attack(plan, WithBug::new(store, RepeatsEvents), faults).await,
        BugName::SwappingReader => attack(plan, WithBug::new(store, SwapsEvents), faults).await,
        BugName::ForgetfulAppend => attack(plan, WithBug::new(store, ForgetsAppends), faults).await,
        BugName::ForgottenKey => attack(plan, WithBug::new(store, ForgetsKeys), faults).await,
        BugName::TornAppend => attack(plan, WithBug::new(store, TearsAppends), faults).await,
        BugName::KeptRollback => attack(plan, WithBug::new(store, CommitsRollbacks), faults).await,
        BugName::WrongVersion => {
            attack(plan, WithBug::new(store, ReturnsWrongVersion), faults).await
        }
        BugName::NaiveReader | BugName::OneStatementFence => {
            let message = "this bug needs a store on PostgreSQL: give --postgres";
            Err(CheckError::Options(message.to_owned()))
        }
    }
}

/// Runs the check. Ctrl-C stops the writers; the events written so far are still checked.
async fn attack<S: EventStore, F: FaultInjector<S::Transaction>>(
    plan: Plan,
    store: S,
    faults: F,
) -> Result<Report, CheckError> {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    check(plan, store, faults, interrupted).await
}
