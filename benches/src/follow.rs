//! Four read models follow a log that sixteen writers append to.

mod idle;
mod models;

use std::time::{Duration, Instant};

use cqrs_core::{CommandStore, Position};
use cqrs_postgres::PgEventStore;
use serde_json::{Value, json};

use self::models::Following;
use crate::{
    Options, Outcome,
    database::Database,
    domain::Account,
    measure::{TimedLoop, alternate, rate},
    preload::account,
    report::Point,
};

const WRITERS: u32 = 16;

/// How many accounts each writer uses in turn.
const ACCOUNTS: u32 = 100;

/// The numbers of partitions of each read model.
const PARTITIONS: [u16; 2] = [1, 4];

/// Enough for the writers, and for a batch of each partition.
const CONNECTIONS: u32 = 48;

pub(crate) async fn run(options: &Options) -> Outcome<()> {
    for partitions in PARTITIONS {
        let [ours, raw] = [Database::from_env("follow")?, Database::from_env("follow")?];
        let measured = measure(options, &ours, &raw, partitions).await;
        let measured = ours.drop_after(measured).await;
        raw.drop_after(measured).await?;
    }
    for partitions in PARTITIONS {
        idle::run(partitions).await?;
    }
    Ok(())
}

async fn measure(
    options: &Options,
    ours: &Database,
    raw: &Database,
    partitions: u16,
) -> Outcome<()> {
    let notes = ours.notes().await?;
    let followed = ours.store(CONNECTIONS).await?;
    let alone = raw.store(CONNECTIONS).await?;
    let pairs = alternate(
        options.rounds,
        options.turn(),
        async |time| followed_by_all(&followed, partitions, time).await,
        async |time| write(&alone, time).await,
    );
    point(notes, partitions).print(&pairs.await?);
    Ok(())
}

/// The events a second from the first append until all read models have handled the last one.
async fn followed_by_all(store: &PgEventStore, partitions: u16, time: Duration) -> Outcome<f64> {
    let following = Following::begin(store, partitions)?;
    following.wait_for(append_one(store).await?).await?;
    let begun = Instant::now();
    let events = write(store, time).await? * begun.elapsed().as_secs_f64();
    following.wait_for(append_one(store).await?).await?;
    let rate = events / begun.elapsed().as_secs_f64();
    following.end().await?;
    Ok(rate)
}

/// The events a second of all writers.
async fn write(store: &PgEventStore, time: Duration) -> Outcome<f64> {
    let accounts = store.repository::<Account>();
    let writer = |writer, mut turn: TimedLoop| {
        let accounts = accounts.clone();
        async move {
            let mut number = 0;
            while turn.should_continue() {
                let id = account("follow", writer * ACCOUNTS + number % ACCOUNTS);
                accounts.execute(id, 1).await?;
                number += 1;
            }
            Ok(turn)
        }
    };
    rate(WRITERS, time, writer).await
}

/// The position of one more event.
async fn append_one(store: &PgEventStore) -> Outcome<Position> {
    let accounts = store.repository::<Account>();
    let executed = accounts.execute("follow-last", 1).await?;
    executed.position.ok_or_else(|| "no event".into())
}

fn point(notes: Value, partitions: u16) -> Point {
    Point {
        scenario: "follow",
        parameters: json!({ "writers": WRITERS, "read models": 4, "partitions": partitions }),
        yardstick: "the same writers without read models",
        unit: "events/s until all read models have them",
        details: Value::Null,
        notes,
    }
}
