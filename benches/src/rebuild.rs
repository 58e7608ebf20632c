//! Rebuilds a view from the beginning of the log.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use cqrs_core::{ReadModel, Runner, View};
use cqrs_postgres::PgEventStore;
use serde_json::{Value, json};

use crate::{
    Options, Outcome,
    database::Database,
    domain::{Balance, Balances},
    measure::{Pairs, per_second},
    preload::preload,
    report::Point,
    yardstick::{LogEvents, Write},
};

/// The numbers of events in a transaction. By default the runner starts with the first one and doubles it up to 16,000.
const BATCHES: [u32; 3] = [1_000, 10_000, 100_000];

const YARDSTICKS: [(Write, &str); 3] = [
    (
        Write::EachPage,
        "pages, decode by hand, an upsert for each page",
    ),
    (
        Write::AtTheEnd,
        "pages, decode by hand, one upsert at the end",
    ),
    (Write::Never, "pages, decode by hand, nothing written"),
];

pub(crate) async fn run(options: &Options) -> Outcome<()> {
    let database = Database::from_env("rebuild")?;
    let measured = measure(options, &database).await;
    database.drop_after(measured).await
}

async fn measure(options: &Options, database: &Database) -> Outcome<()> {
    let notes = database.notes().await?;
    let store = database.store(4).await?;
    preload(&store, "rebuild", options.rebuild_events, options.documents).await?;
    database.run("vacuum analyze __schema__.events").await?;
    let raw = LogEvents::of(database).await?;
    for batch in BATCHES {
        let mut measured = YARDSTICKS.map(|_| Pairs::default());
        for _ in 0..options.rounds {
            let ours = rate(options, || rebuild(&store, batch)).await?;
            for (pairs, (write, _)) in measured.iter_mut().zip(YARDSTICKS) {
                raw.clear().await?;
                let raw = rate(options, || async {
                    let begun = Instant::now();
                    raw.fold(batch, write).await?;
                    Ok(begun.elapsed())
                });
                pairs.add(ours, raw.await?);
            }
        }
        check(&raw, &store).await?;
        for (pairs, (_, yardstick)) in measured.iter().zip(YARDSTICKS) {
            point(options, &notes, batch, yardstick).print(pairs);
        }
    }
    Ok(())
}

async fn rate<F: Future<Output = Outcome<Duration>>>(
    options: &Options,
    work: impl FnOnce() -> F,
) -> Outcome<f64> {
    Ok(per_second(u64::from(options.rebuild_events), work().await?))
}

/// The time from the start of the runner to the commit of the last event. The removal of the old documents does not count.
async fn rebuild(store: &PgEventStore, batch: u32) -> Outcome<Duration> {
    let runner = Runner::over_log(store, Balances)?.batch_size(usize::try_from(batch)?);
    ReadModel::<Balances, _>::new(store)
        .reset("rebuild")
        .await?;
    let begun = Instant::now();
    runner.catch_up().await?;
    Ok(begun.elapsed())
}

/// Checks that both sides have the same documents.
async fn check(raw: &LogEvents, store: &PgEventStore) -> Outcome<()> {
    let all = usize::MAX >> 1;
    let keys = cqrs_core::model::KeyRange::all();
    let ours = cqrs_core::ports::Documents::documents(store, Balances::NAME, &keys, all).await?;
    let ours = ours
        .into_iter()
        .map(|(key, document)| Ok((key, serde_json::from_slice(&document.body)?)))
        .collect::<Outcome<HashMap<String, Balance>>>()?;
    raw.clear().await?;
    let raw = raw.fold(10_000, Write::Never).await?;
    if ours == raw {
        return Ok(());
    }
    let ours = ours.len();
    let raw = raw.len();
    Err(format!("the read models differ ({ours} and {raw} documents)").into())
}

fn point(options: &Options, notes: &Value, batch: u32, yardstick: &'static str) -> Point {
    Point {
        scenario: "rebuild",
        parameters: json!({
            "events": options.rebuild_events,
            "documents": options.documents,
            "batch": batch,
        }),
        yardstick,
        unit: "events/s",
        details: Value::Null,
        notes: notes.clone(),
    }
}
