//! Commands and appends by concurrent writers, each on its own streams.

mod cold;
mod plain;
mod round_trips;
mod warm;

use clap::ValueEnum;
use cqrs_postgres::PgEventStore;
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) use self::plain::append_to;
use crate::{
    Options, Outcome,
    database::Database,
    report::Point,
    yardstick::{BatchedEvents, RawEvents},
};

const ONE_BY_ONE: &str = "select the stream, insert with a version check";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Call {
    /// Commands to aggregates whose state is cached.
    Warm,
    /// Commands to aggregates whose state is not cached.
    Cold,
    /// Appends through the port.
    Append,
}

pub(crate) async fn run(options: &Options) -> Outcome<()> {
    let ours = Database::from_env("append")?;
    let raw = Database::from_env("append")?;
    let measured = measure(options, &ours, &raw).await;
    let measured = ours.drop_after(measured).await;
    raw.drop_after(measured).await
}

async fn measure(options: &Options, ours: &Database, raw: &Database) -> Outcome<()> {
    let notes = ours.notes().await?;
    round_trips::print(ours, &notes).await?;
    let max_writers = options.writers.iter().copied().max().unwrap_or(1);
    let sides = Sides {
        store: ours.store(max_writers).await?,
        one_by_one: RawEvents::create(raw, 1).await?,
        batched: BatchedEvents::of(raw).await?,
        databases: [ours, raw],
    };
    for &writers in &options.writers {
        for &events in &options.events {
            let setting = Setting {
                options,
                notes: &notes,
                writers,
                events,
            };
            setting.measure(&sides).await?;
        }
    }
    Ok(())
}

/// The sides that are compared: our store, and plain SQL on another table, in batches and one by one.
struct Sides<'a> {
    store: PgEventStore,
    batched: BatchedEvents,
    one_by_one: RawEvents,
    databases: [&'a Database; 2],
}

impl Sides<'_> {
    /// Removes all events of an earlier measurement.
    async fn clear(&self) -> Outcome<()> {
        let [ours, raw] = self.databases;
        ours.run(
            "alter table __schema__.events disable trigger events_never_change; truncate __schema__.events; \
             alter table __schema__.events enable always trigger events_never_change",
        )
        .await?;
        raw.run("truncate __schema__.events").await
    }
}

struct Setting<'a> {
    options: &'a Options,
    notes: &'a Value,
    writers: u32,
    events: u32,
}

impl Setting<'_> {
    async fn measure(&self, sides: &Sides<'_>) -> Outcome<()> {
        let calls = &self.options.calls;
        for call in Call::value_variants() {
            if !calls.is_empty() && !calls.contains(call) {
                continue;
            }
            match call {
                Call::Warm => warm::measure(self, sides).await?,
                Call::Cold => cold::measure(self, sides).await?,
                Call::Append => plain::measure(self, sides).await?,
            }
        }
        Ok(())
    }

    fn point(&self, call: &str, states: Option<&str>, yardstick: &'static str) -> Point {
        let mut parameters =
            json!({ "call": call, "writers": self.writers, "events": self.events });
        if let Some(states) = states {
            parameters["states"] = states.into();
        }
        Point {
            scenario: "append",
            parameters,
            yardstick,
            unit: "calls/s",
            details: Value::Null,
            notes: self.notes.clone(),
        }
    }
}

fn new_id() -> String {
    Uuid::now_v7().to_string()
}
