//! Measures the framework beside the raw limit in the same run, and prints a JSON line for each measured point.
//!
//! ```sh
//! eval "$(scripts/services up)"
//! cargo run --release -p cqrs-benches                      # everything but `growth`, some minutes
//! cargo run --release -p cqrs-benches -- append rehydrate  # these two
//! cargo run --release -p cqrs-benches --features allocations -- append --seconds 0.3  # counts, times mean little
//! ```
//!
//! Every figure is a rate, so more is better, and `ratio` is ours over raw: 1 stands at the limit. Ours and raw take
//! turns, because the same machine is not equally fast a minute later. Compare ratios, not the rates of two machines.

/// How often memory was asked for.
mod allocations;
/// Commands to events in the store.
mod append;
/// What many writers do to a few streams.
mod contention;
/// What calls cost in processor time.
mod cpu;
/// Schemas of the own on the server that `DATABASE_URL` names.
mod database;
/// Deciding, without a store.
mod deciding;
/// What is stored: an account with its movements.
mod domain;
/// Fills a table on the server.
mod fill;
/// What ten million events change.
mod growth;
/// Loops and the rounds in which both sides take turns.
mod measure;
/// Fills a store before it is read.
mod preload;
/// Numbers in no order.
mod random;
/// Events to read models.
mod rebuild;
/// Streams to states.
mod rehydrate;
/// Store to broker.
mod relay;
/// The JSON lines.
mod report;
/// What the same work costs without the framework.
mod yardstick;

use std::{error::Error, process::ExitCode, time::Duration};

use clap::{Parser, ValueEnum};

/// What can go wrong in a program that only measures: it is told, and that is all.
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Measures the framework beside the raw limit in the same run. Prints a JSON line for each measured point.
///
/// All but `core` need DATABASE_URL, and `relay` KAFKA_BROKERS as well.
#[derive(Debug, Parser)]
struct Options {
    /// What to measure; everything but `growth` unless named.
    #[arg(value_enum)]
    scenarios: Vec<Scenario>,
    /// How often ours and raw take turns.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How long one turn of `core`, `append`, `contention`, `rehydrate` and `growth` lasts.
    #[arg(long, default_value_t = 1.5, value_parser = seconds)]
    seconds: f64,
    /// How many events `rebuild` reads.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1..))]
    rebuild_events: u32,
    /// How many documents they become.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    documents: u32,
    /// How many writers `append` has at once, in a run for each.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 32, 64], value_parser = clap::value_parser!(u32).range(1..=200))]
    writers: Vec<u32>,
    /// How many events each of their calls appends.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 5], value_parser = clap::value_parser!(u32).range(1..=1_000))]
    events: Vec<u32>,
    /// What they call; everything unless named.
    #[arg(long, value_enum, value_delimiter = ',')]
    calls: Vec<append::Call>,
    /// How many events are in the table that `growth` compares with one of 100,000. Filling takes minutes.
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    growth_events: u32,
    /// How many events `relay` publishes.
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
    /// Deciding and applying through the framework, without a store.
    Core,
    /// Commands and appends by some writers.
    Append,
    /// Commands by 32 writers to the same streams.
    Contention,
    /// Loading streams of 10, 100 and 1,000 events, from snapshots too.
    Rehydrate,
    /// A view from the beginning of the log.
    Rebuild,
    /// Publishing a log to Kafka.
    Relay,
    /// Loads and appends on a table of millions of events. Runs only when it is named: filling takes minutes.
    Growth,
}

#[tokio::main]
async fn main() -> ExitCode {
    match measure(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", told(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn measure(options: &Options) -> Outcome<()> {
    let named = &options.scenarios;
    for scenario in Scenario::value_variants() {
        let unless_named = *scenario != Scenario::Growth;
        if !(named.contains(scenario) || named.is_empty() && unless_named) {
            continue;
        }
        match scenario {
            Scenario::Core => deciding::run(options).await?,
            Scenario::Append => append::run(options).await?,
            Scenario::Contention => contention::run(options).await?,
            Scenario::Rehydrate => rehydrate::run(options).await?,
            Scenario::Rebuild => rebuild::run(options).await?,
            Scenario::Relay => relay::run(options).await?,
            Scenario::Growth => growth::run(options).await?,
        }
    }
    Ok(())
}

/// An error with its causes.
fn told(error: &(dyn Error + 'static)) -> String {
    let (mut told, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    told
}
