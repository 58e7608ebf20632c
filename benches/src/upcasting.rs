//! Reads a log half of which is two generations old, beside a log of current events.

mod domain;

use std::time::Duration;

use cqrs_core::{
    Aggregate, CommandStore, Event, ReadModel, Runner, StreamId, View,
    model::{EventId, Position, RecordedEvent, Version},
    ports::Import,
};
use cqrs_postgres::PgEventStore;
use serde_json::{Value, json};

use self::domain::{
    Current, CurrentAccount, CurrentTotals, Mixed, MixedAccount, MixedTotals, stored,
};
use crate::{
    Options, Outcome,
    database::Database,
    measure::{Pairs, alternate, per_second, rate},
    report::Point,
};

/// The streams of each log. They are loaded in turn.
const STREAMS: u32 = 100;

/// The events of each stream.
const EVENTS: u32 = 1_000;

/// How many events are imported in one transaction.
const PAGE: usize = 5_000;

pub(crate) async fn run(options: &Options) -> Outcome<()> {
    let database = Database::from_env("upcasting")?;
    let measured = measure(options, &database).await;
    database.drop_after(measured).await
}

async fn measure(options: &Options, database: &Database) -> Outcome<()> {
    let notes = database.notes().await?;
    let store = database.store(4).await?;
    fill::<Current>(&store, |_| false).await?;
    fill::<Mixed>(&store, |number| number % 2 == 0).await?;
    database.run("vacuum analyze __schema__.events").await?;
    let loads = alternate(
        options.rounds,
        options.turn(),
        async |time| load::<MixedAccount>(&store, time).await,
        async |time| load::<CurrentAccount>(&store, time).await,
    );
    point("load", "streams/s", &notes).print(&loads.await?);
    let mut rebuilds = Pairs::default();
    for _ in 0..options.rounds {
        let mixed = rebuild(&store, MixedTotals).await?;
        rebuilds.add(mixed, rebuild(&store, CurrentTotals).await?);
    }
    point("rebuild", "events/s", &notes).print(&rebuilds);
    Ok(())
}

/// Imports all streams of a category. `is_old` says which events are of the first generation.
async fn fill<E: Event>(store: &PgEventStore, is_old: impl Fn(u32) -> bool) -> Outcome<()> {
    let mut events = Vec::new();
    for number in 0..STREAMS * EVENTS {
        let stream = StreamId::of::<E>(id(number % STREAMS))?;
        let version = Version::new(u64::from(number / STREAMS) + 1);
        let (schema_version, payload) = stored(number, is_old(number / STREAMS));
        let mut event = RecordedEvent::new(
            EventId::random(),
            stream,
            version,
            Position::START,
            "Deposited",
            payload,
            std::time::SystemTime::now(),
        );
        event.schema_version = schema_version;
        events.push(event);
    }
    for page in events.chunks(PAGE) {
        store.import(page).await?;
    }
    Ok(())
}

fn id(number: u32) -> String {
    format!("{number:06}")
}

/// Streams loaded per second, by one reader.
async fn load<A>(store: &PgEventStore, time: Duration) -> Outcome<f64>
where
    A: Aggregate + Send + Sync + 'static,
{
    rate(1, time, |_, mut turn| {
        let accounts = store.repository::<A>();
        async move {
            let mut number = 0;
            while turn.should_continue() {
                std::hint::black_box(accounts.load(id(number % STREAMS)).await?);
                number += 1;
            }
            Ok(turn)
        }
    })
    .await
}

/// Events per second, from the start of the runner to the commit of the last event.
async fn rebuild<V: View>(store: &PgEventStore, view: V) -> Outcome<f64> {
    ReadModel::<V, _>::new(store).reset("rebuild").await?;
    let runner = Runner::over_log(store, view)?;
    let begun = std::time::Instant::now();
    runner.catch_up().await?;
    Ok(per_second(u64::from(STREAMS * EVENTS), begun.elapsed()))
}

fn point(work: &str, unit: &'static str, notes: &Value) -> Point {
    Point {
        scenario: "upcasting",
        parameters: json!({ "work": work, "streams": STREAMS, "events": EVENTS, "old": 0.5, "generations": 3 }),
        yardstick: "the same events in the current generation",
        unit,
        details: Value::Null,
        notes: notes.clone(),
    }
}
