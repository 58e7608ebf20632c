//! Five services that work together through events only.
//!
//! ```text
//! order     Placed ------------> payment     Captured or Declined -----------> order
//!                  \-----------> inventory   Reserved or Rejected -----------> order
//!
//! both good Confirmed ---------> shipping    Dispatched ---------------------> order     Completed
//!
//! one bad   Cancelled ---------> payment     Refunded or Voided -------------> order
//!                     \--------> inventory   Released or NothingToRelease ---> order     both: Closed
//!
//! order     Completed, Closed -> notification
//! ```
//!
//! | Read | to see |
//! | --- | --- |
//! | [`order`], [`payment`], [`inventory`], [`shipping`], [`notification`] | the domain, without store or broker |
//! | [`service`] | how roles become runners, and the runners a service |
//! | [`setup`] | the only place that names PostgreSQL, memory and Kafka |
//! | [`job`] | what this program does, step by step |
//! | [`audit`], [`rebuild`] | how it is checked |

#![expect(
    unreachable_pub,
    reason = "`pub` is what a module shows to its neighbours, as it would be in a library"
)]

mod audit;
mod books;
mod cli;
mod clock;
#[cfg(test)]
mod contracts;
mod customers;
mod error;
mod goods;
mod interrupt;
mod inventory;
mod job;
mod notification;
mod order;
mod payment;
mod progress;
mod rebuild;
mod report;
mod service;
mod setup;
mod shipping;
mod shop;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::{
    cli::{Options, Servers},
    error::ShopError,
    interrupt::Interrupt,
    job::Outcome,
    setup::{Embedded, Real, Setup},
};

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    // Two partitions of a view over topics may change one document at the same time. Then the runner repeats the later
    // batch and logs that as a warning, which is normal here. The adapter returns librdkafka's errors, so its log is off.
    let quiet = || EnvFilter::new("warn,cqrs_core::run_loop=error,librdkafka=off");
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| quiet()))
        .init();
    match run(&options).await {
        Ok(outcome) => conclude(&outcome),
        Err(error) => {
            eprintln!("the shop failed: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<Outcome, ShopError> {
    let interrupt = Interrupt::listen()?;
    match Servers::of_environment()? {
        Servers::Embedded => open(Embedded::start(options)?, options, &interrupt).await,
        Servers::Real {
            database,
            brokers,
            settings,
        } => {
            let real = Real::connect(&options.name, &database, &brokers, settings).await?;
            open(real, options, &interrupt).await
        }
    }
}

async fn open<U: Setup>(
    setup: U,
    options: &Options,
    interrupt: &Interrupt,
) -> Result<Outcome, ShopError> {
    println!(
        "{} orders, run {:?}, seed {}",
        options.orders, options.name, options.seed
    );
    println!("{}", setup.name());
    if let Some(caveat) = setup.caveat() {
        println!("{caveat}");
    }
    let name = setup.name();
    let outcome = job::run(setup, options, interrupt).await?;
    println!("\n{}\n", outcome.report.table(name, &outcome.books));
    Ok(outcome)
}

/// Prints whether everything is right.
fn conclude(outcome: &Outcome) -> ExitCode {
    for finding in &outcome.findings {
        eprintln!("WRONG: {finding}");
    }
    if !outcome.findings.is_empty() {
        return ExitCode::FAILURE;
    }
    println!(
        "the books balance: money, stock, shipments and messages add up across the five services"
    );
    if outcome.interrupted {
        println!("interrupted: start it again with the same arguments to place the rest");
        return ExitCode::from(interrupt::EXIT_CODE);
    }
    ExitCode::SUCCESS
}
