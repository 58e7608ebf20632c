//! Parks streams with 10,000 events, and redrives them.

use std::time::{Duration, Instant};

use cqrs_core::{DocumentKeys, Envelope, Event, ReadModel, Runner, View, read::ParkedKeys};
use cqrs_postgres::PgEventStore;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Options, Outcome,
    database::Database,
    domain::{AccountEvent, Balance, Balances},
    measure::{Pairs, per_second},
    preload::{account, preload},
    report::Point,
};

const EVENTS: u32 = 10_000;

/// In how many streams they are.
const STREAMS: [u32; 2] = [1, 100];

pub(crate) async fn run(options: &Options) -> Outcome<()> {
    for streams in STREAMS {
        let mut parking = Pairs::default();
        let mut redriving = Pairs::default();
        let mut notes = Value::Null;
        for _ in 0..options.rounds {
            let database = Database::from_env("parking")?;
            let measured = round(&database, streams, &mut parking, &mut redriving).await;
            notes = database.notes().await?;
            database.drop_after(measured).await?;
        }
        point(streams, "parked", &notes).print(&parking);
        point(streams, "redriven", &notes).print(&redriving);
    }
    Ok(())
}

async fn round(
    database: &Database,
    streams: u32,
    parking: &mut Pairs,
    redriving: &mut Pairs,
) -> Outcome<()> {
    let store = database.store(4).await?;
    preload(&store, "parking", EVENTS, streams).await?;
    let handled = handle(&store).await?;
    let parked = park(&store).await?;
    let redriven = redrive(&store).await?;
    parking.add(per_second(EVENTS.into(), parked), handled);
    redriving.add(per_second(EVENTS.into(), redriven), handled);
    Ok(())
}

/// The events a second of a view that handles them all.
async fn handle(store: &PgEventStore) -> Outcome<f64> {
    let begun = Instant::now();
    Runner::over_log(store, Balances)?.catch_up().await?;
    Ok(per_second(EVENTS.into(), begun.elapsed()))
}

/// The time in which all streams are parked and what waits is passed over.
async fn park(store: &PgEventStore) -> Outcome<Duration> {
    let runner = Runner::over_log(store, Before)?.park_at_most(STREAMS[1].into());
    let begun = Instant::now();
    runner.catch_up().await?;
    Ok(begun.elapsed())
}

/// The time from the request until everything that waited is handled.
async fn redrive(store: &PgEventStore) -> Outcome<Duration> {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let runner = Runner::over_log(store, After)?;
    let running = tokio::spawn(runner.run(async {
        // An error means that this function ended, which stops the runner, too.
        let _ = stopped.await;
    }));
    // From here on the runner has its partition.
    preload(store, "other", 1, 1).await?;
    while ReadModel::<After, _>::new(store)
        .get(&account("other", 0))
        .await?
        .is_none()
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    let parked = ParkedKeys::new(store, After::NAME);
    let begun = Instant::now();
    for group in parked.groups().await? {
        parked.redrive(group.fingerprint, "measured").await?;
    }
    while !parked.all().await?.is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let time = begun.elapsed();
    drop(stop);
    running.await??;
    Ok(time)
}

fn point(streams: u32, done: &str, notes: &Value) -> Point {
    Point {
        scenario: "parking",
        parameters: json!({ "events": EVENTS, "streams": streams, "done": done }),
        yardstick: "a view that handles the same events",
        unit: "events/s",
        details: Value::Null,
        notes: notes.clone(),
    }
}

/// The events as an older release expects them, which reads none of them.
#[derive(Debug, Serialize, Deserialize)]
enum BeforeEvent {
    Deposited { account_number: u64 },
    Withdrawn { account_number: u64 },
}

impl Event for BeforeEvent {
    const CATEGORY: &'static str = AccountEvent::CATEGORY;
}

struct Before;

impl View for Before {
    const NAME: &'static str = "parking";
    type Events = BeforeEvent;
    type Document = Balance;

    fn keys(&self, event: &Envelope<BeforeEvent>) -> DocumentKeys {
        event.id().into()
    }

    fn apply(
        &self,
        _: &str,
        balance: Option<Balance>,
        _: &Envelope<BeforeEvent>,
    ) -> Option<Balance> {
        balance
    }
}

struct After;

impl View for After {
    const NAME: &'static str = Before::NAME;
    type Events = AccountEvent;
    type Document = Balance;

    fn keys(&self, event: &Envelope<AccountEvent>) -> DocumentKeys {
        Balances.keys(event)
    }

    fn apply(
        &self,
        key: &str,
        balance: Option<Balance>,
        event: &Envelope<AccountEvent>,
    ) -> Option<Balance> {
        Balances.apply(key, balance, event)
    }
}
