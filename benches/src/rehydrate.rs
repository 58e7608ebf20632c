//! Streams of some lengths to states, one reader.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use cqrs_core::Repository;
use cqrs_postgres::PgEventStore;
use serde_json::{Value, json};

use crate::{
    Options, Outcome,
    database::Database,
    domain::Account,
    measure::{rate, take_turns},
    preload::{account, preload},
    report::Point,
    yardstick::RawEvents,
};

const LENGTHS: [u32; 3] = [10, 100, 1_000];
/// So many streams of each length take turns.
const STREAMS: u32 = 100;

pub(crate) async fn run(options: &Options) -> Outcome<()> {
    let database = Database::from_env("rehydrate")?;
    let measured = measure(options, &database).await;
    database.drop_after(measured).await
}

async fn measure(options: &Options, database: &Database) -> Outcome<()> {
    let notes = database.notes().await?;
    let store = database.store(2).await?;
    for length in LENGTHS {
        preload(&store, &prefix(length), length * STREAMS, STREAMS).await?;
    }
    database.run("vacuum analyze __schema__.events").await?;
    // Raw reads the store's own table: the same rows in the same places.
    let raw = RawEvents::of(database, 2).await?;
    for length in LENGTHS {
        check(&store, &raw, length).await?;
        point(options, &notes, &store, &raw, length).await?;
    }
    Ok(())
}

/// Both sides do the same work.
async fn check(store: &PgEventStore, raw: &RawEvents, length: u32) -> Outcome<()> {
    let id = account(&prefix(length), 0);
    let ours = Repository::<Account, _>::new(store.clone())
        .load(&id)
        .await?;
    let (state, version) = raw.load(&id).await?;
    if ours.state == state && version == i64::from(length) {
        return Ok(());
    }
    Err(format!("{id} differs: {ours:?} and {state:?} at version {version}").into())
}

async fn point(
    options: &Options,
    notes: &Value,
    store: &PgEventStore,
    raw: &RawEvents,
    length: u32,
) -> Outcome<()> {
    let accounts = Repository::<Account, _>::new(store.clone());
    let next = Arc::new(AtomicU32::new(0));
    let ours = async |time: Duration| {
        rate(1, time, |_, mut turn| {
            let (accounts, next) = (accounts.clone(), Arc::clone(&next));
            async move {
                while turn.goes_on() {
                    std::hint::black_box(accounts.load(id(&next, length)).await?);
                }
                Ok(turn)
            }
        })
        .await
    };
    let raw = async |time: Duration| {
        rate(1, time, |_, mut turn| {
            let (raw, next) = (raw.clone(), Arc::clone(&next));
            async move {
                while turn.goes_on() {
                    std::hint::black_box(raw.load(&id(&next, length)).await?);
                }
                Ok(turn)
            }
        })
        .await
    };
    let pairs = take_turns(options.rounds, options.turn(), ours, raw).await?;
    let point = Point {
        scenario: "rehydrate",
        parameters: json!({ "events": length, "streams": STREAMS, "readers": 1 }),
        yardstick: "select version, type and payload, decode by hand",
        unit: "streams/s",
        details: Value::Null,
        notes: notes.clone(),
    };
    point.print(&pairs);
    Ok(())
}

fn prefix(length: u32) -> String {
    format!("of-{length}")
}

fn id(next: &AtomicU32, length: u32) -> String {
    account(
        &prefix(length),
        next.fetch_add(1, Ordering::Relaxed) % STREAMS,
    )
}
