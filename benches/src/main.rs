//! Measures the framework against the raw limit in the same run, and prints a JSON line for each measured point.
//!
//! ```sh
//! eval "$(scripts/services up)"
//! cargo run --release -p cqrs-benches                      # everything but `growth`, many minutes
//! cargo run --release -p cqrs-benches -- append rehydrate  # these two
//! cargo run --release -p cqrs-benches --features allocations -- append --seconds 0.3  # counts allocations; the times mean little
//! ```
//!
//! Every comparison is of rates, so more is better. `ratio` is ours divided by raw: 1 is the limit. Ours and raw alternate,
//! because a machine is not equally fast a minute later. Compare ratios, not the rates of two machines. Round trips and
//! memory are figures without a comparison.

mod allocations;
mod append;
mod contention;
mod cpu;
mod database;
mod deciding;
mod domain;
mod fill;
mod follow;
mod growth;
mod measure;
mod parking;
mod preload;
mod random;
mod rebuild;
mod rehydrate;
mod relay;
mod report;
mod upcasting;
mod yardstick;

use std::{error::Error, process::ExitCode, time::Duration};

use clap::{Parser, ValueEnum};

/// Any error ends the program, with a message.
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Measures the framework against the raw limit in the same run. Prints a JSON line for each measured point.
///
/// All scenarios but `core` need DATABASE_URL. `relay` also needs KAFKA_BROKERS.
#[derive(Debug, Parser)]
struct Options {
    /// The scenarios to measure. All but `growth` by default.
    #[arg(value_enum)]
    scenarios: Vec<Scenario>,
    /// How many rounds ours and raw alternate.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// The seconds of one side in one round of `core`, `append`, `contention`, `rehydrate`, `upcasting`, `follow` and `growth`.
    #[arg(long, default_value_t = 1.5, value_parser = seconds)]
    seconds: f64,
    /// The number of events that `rebuild` reads.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1..))]
    rebuild_events: u32,
    /// The number of documents that `rebuild` writes.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    documents: u32,
    /// The numbers of concurrent writers of `append`. Each is measured.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 32, 64], value_parser = clap::value_parser!(u32).range(1..=200))]
    writers: Vec<u32>,
    /// The numbers of events of one call of `append`. Each is measured.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 5], value_parser = clap::value_parser!(u32).range(1..=1_000))]
    events: Vec<u32>,
    /// The calls of `append`. All by default.
    #[arg(long, value_enum, value_delimiter = ',')]
    calls: Vec<append::Call>,
    /// The number of events in the large table of `growth`. The small one has 100,000. Filling the large one takes minutes.
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    growth_events: u32,
    /// The number of events that `relay` publishes.
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(1..))]
    relay_events: u32,
}

impl Options {
    fn turn(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.01..=3_600.0).contains(&seconds) => Ok(seconds),
        _ => Err("must be between 0.01 and 3600".to_owned()),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// Decides and applies through the framework, without a store.
    Core,
    /// Commands and appends by several writers, each on its own streams.
    Append,
    /// Commands by 32 writers to the same streams.
    Contention,
    /// Loads streams of 10, 100 and 1,000 events, with and without snapshots.
    Rehydrate,
    /// Rebuilds a view from the beginning of the log.
    Rebuild,
    /// Loads streams and rebuilds a view half of whose events are two generations old.
    Upcasting,
    /// Four read models follow the log beside 16 writers, and cost little while nothing happens.
    Follow,
    /// Parks streams with 10,000 events, and redrives them.
    Parking,
    /// Publishes a log to Kafka.
    Relay,
    /// Loads and appends on a table of millions of events. Runs only when named, because filling the table takes minutes.
    Growth,
}

#[tokio::main]
async fn main() -> ExitCode {
    match measure(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", cqrs_core::chain(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn measure(options: &Options) -> Outcome<()> {
    let named = &options.scenarios;
    for scenario in Scenario::value_variants() {
        let is_default = *scenario != Scenario::Growth;
        if !(named.contains(scenario) || named.is_empty() && is_default) {
            continue;
        }
        match scenario {
            Scenario::Core => deciding::run(options).await?,
            Scenario::Append => append::run(options).await?,
            Scenario::Contention => contention::run(options).await?,
            Scenario::Rehydrate => rehydrate::run(options).await?,
            Scenario::Rebuild => rebuild::run(options).await?,
            Scenario::Upcasting => upcasting::run(options).await?,
            Scenario::Follow => follow::run(options).await?,
            Scenario::Parking => parking::run(options).await?,
            Scenario::Relay => relay::run(options).await?,
            Scenario::Growth => growth::run(options).await?,
        }
    }
    Ok(())
}
