//! The checker as a command.
//!
//! ```sh
//! cargo run --release -p cqrs-check -- store                                   # the store in memory
//! cargo run --release -p cqrs-check -- store --database-url postgres://..      # a store on PostgreSQL
//! cargo run --release -p cqrs-check -- store --database-url postgres://.. --planted naive-reader
//! ```
//!
//! Ends with 0 if every promise was kept, 1 if one was broken, 2 if the check could not be carried out.

/// What can be asked for.
mod options;

use std::process::ExitCode;

use clap::Parser;
use cqrs_check::{
    Calm, CheckError, CheckSchema, Forgets, ForgetsKeys, KeepsRolledBack, Mischief, Miscounts,
    NaiveReader, OneStatementFence, PgMischief, Plan, Planted, Repeats, Report, Skips, Swaps,
    Tears, check,
};
use cqrs_core::{EventStore, MemoryEventStore};

use self::options::{Command, Fault as Named, StoreOptions};

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
            ExitCode::from(u8::from(is_breach(&report)))
        }
        Err(error) => {
            eprintln!("the check could not be carried out: {error}");
            ExitCode::from(2)
        }
    }
}

fn is_breach(report: &Report) -> bool {
    !report.verdict.is_clean()
}

async fn run(options: &StoreOptions) -> Result<Report, CheckError> {
    match &options.database_url {
        None => in_memory(options).await,
        Some(url) => {
            let schema = CheckSchema::open(url, options.schema.clone()).await?;
            let report = on_postgres(options, url, &schema).await;
            let evidence = options.planted.is_none() && report.as_ref().is_ok_and(is_breach);
            if options.keep || evidence {
                eprintln!("schema {} is kept", schema.name());
            } else {
                schema.drop().await?;
            }
            report
        }
    }
}

async fn in_memory(options: &StoreOptions) -> Result<Report, CheckError> {
    let calm = Calm("in memory".to_owned());
    on(options, MemoryEventStore::default(), calm).await
}

async fn on_postgres(
    options: &StoreOptions,
    url: &str,
    schema: &CheckSchema,
) -> Result<Report, CheckError> {
    let store = schema.store(options.connections()).await?;
    let mischief = PgMischief::new(url, &store, options.mischief()).await?;
    let (plan, handle) = (options.plan(), store.clone());
    let report = match options.planted {
        Some(Named::NaiveReader) => attack(plan, Planted::new(store, NaiveReader), mischief).await,
        Some(Named::OneStatementFence) => {
            attack(plan, Planted::new(store, OneStatementFence), mischief).await
        }
        _ => on(options, store, mischief).await,
    };
    handle.close().await;
    report
}

/// With any fault that can be planted in any store.
async fn on<S: EventStore, M>(
    options: &StoreOptions,
    store: S,
    mischief: M,
) -> Result<Report, CheckError>
where
    M: Mischief<S::Transaction>,
{
    let plan = options.plan();
    match options.planted {
        None => attack(plan, store, mischief).await,
        Some(Named::SkippingReader) => attack(plan, Planted::new(store, Skips), mischief).await,
        Some(Named::RepeatingReader) => attack(plan, Planted::new(store, Repeats), mischief).await,
        Some(Named::SwappingReader) => attack(plan, Planted::new(store, Swaps), mischief).await,
        Some(Named::ForgetfulAppend) => attack(plan, Planted::new(store, Forgets), mischief).await,
        Some(Named::ForgottenKey) => attack(plan, Planted::new(store, ForgetsKeys), mischief).await,
        Some(Named::TornAppend) => attack(plan, Planted::new(store, Tears), mischief).await,
        Some(Named::KeptRollback) => {
            attack(plan, Planted::new(store, KeepsRolledBack), mischief).await
        }
        Some(Named::WrongVersion) => attack(plan, Planted::new(store, Miscounts), mischief).await,
        Some(Named::NaiveReader | Named::OneStatementFence) => {
            let message = "this fault is about PostgreSQL: give --database-url";
            Err(CheckError::Options(message.to_owned()))
        }
    }
}

/// Ctrl-C ends the writing; what was written so far is judged.
async fn attack<S: EventStore, M: Mischief<S::Transaction>>(
    plan: Plan,
    store: S,
    mischief: M,
) -> Result<Report, CheckError> {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    check(plan, store, mischief, interrupted).await
}
