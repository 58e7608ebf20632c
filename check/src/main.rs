//! The checker as a command.
//!
//! ```sh
//! cargo run --release -p cqrs-check -- store                                   # the store in memory
//! cargo run --release -p cqrs-check -- store --postgres                        # the store on PostgreSQL that DATABASE_URL names
//! cargo run --release -p cqrs-check -- store --postgres --planted naive-reader
//! cargo run --release -p cqrs-check -- runner --postgres                       # processes that share a subscription over its log
//! ```
//!
//! The exit code is 0 if every promise was kept, 1 if one was broken, and 2 if the check could not run.

mod options;

use std::process::ExitCode;

use clap::Parser;
use cqrs_check::{
    CheckError, CheckSchema, CommitsRollbacks, FaultInjector, ForgetsAppends, ForgetsKeys,
    NaiveReader, NoFaults, OneStatementFence, PgFaults, Plan, RepeatsEvents, Report,
    ReturnsWrongVersion, RunnerReport, SkipsEvents, SwapsEvents, TearsAppends, WithBug, check,
    check_runner, run_process,
};
use cqrs_core::{EventStore, MemoryEventStore};

use self::options::{BugName, Command, ProcessOptions, RunnerOptions, StoreOptions};

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Command::parse() {
        Command::Store(options) => store(&options).await,
        Command::Runner(options) => runner(&options).await,
        Command::RunnerProcess(options) => process(&options).await,
    };
    match outcome {
        Ok(kept) => ExitCode::from(u8::from(!kept)),
        Err(error) => {
            eprintln!("the check could not run: {}", cqrs_core::chain(&error));
            ExitCode::from(2)
        }
    }
}

/// Prints the report. Returns whether every promise was kept.
async fn store(options: &StoreOptions) -> Result<bool, CheckError> {
    let report = match options.database.url()? {
        None => in_memory(options).await?,
        Some(url) => {
            let schema = CheckSchema::open(&url, options.database.schema.clone()).await?;
            let report = on_postgres(options, &url, &schema).await;
            let clean = report.as_ref().ok().map(|report| report.verdict.is_clean());
            let is_evidence = options.planted.is_none() && clean == Some(false);
            leave(schema, options.database.keep || is_evidence).await?;
            report?
        }
    };
    print(options.json, &report, Report::to_json);
    Ok(report.verdict.is_clean())
}

/// Prints the report. Returns whether every guarantee was kept.
async fn runner(options: &RunnerOptions) -> Result<bool, CheckError> {
    let (url, plan) = (options.url()?, options.plan()?);
    let schema = CheckSchema::open(&url, options.database.schema.clone()).await?;
    let report = check_runner(plan, &url, &schema, interrupted()).await;
    let clean = report.as_ref().ok().map(RunnerReport::is_clean);
    let is_evidence = options.planted.is_none() && clean == Some(false);
    leave(schema, options.database.keep || is_evidence).await?;
    let report = report?;
    print(options.json, &report, RunnerReport::to_json);
    Ok(report.is_clean())
}

/// Returns whether it ran until it was asked to end.
async fn process(options: &ProcessOptions) -> Result<bool, CheckError> {
    let url = ProcessOptions::url()?;
    let ran = run_process(&url, &options.schema, options.planted()).await;
    if let Err(error) = &ran {
        eprintln!("a process ended by itself: {}", cqrs_core::chain(error));
    }
    Ok(ran.is_ok())
}

/// Drops the schema, unless it is to be looked at.
async fn leave(schema: CheckSchema, keep: bool) -> Result<(), CheckError> {
    if keep {
        eprintln!("schema {} is kept", schema.name());
        return Ok(());
    }
    schema.drop().await
}

fn print<R: std::fmt::Display>(json: bool, report: &R, to_json: impl Fn(&R) -> serde_json::Value) {
    if json {
        println!("{}", to_json(report));
    } else {
        println!("{report}");
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
    check(plan, store, faults, interrupted()).await
}

/// Completes at Ctrl-C.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
