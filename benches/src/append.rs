//! Commands and appends by some writers at once, each on a stream of its own.

use std::time::Duration;

use cqrs_core::{Append, EventStore, ExpectedVersion, Metadata, NewEvent, Repository, StreamId};
use cqrs_postgres::PgEventStore;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Options, Outcome,
    database::Database,
    domain::{Account, AccountEvent},
    measure::{rate, take_turns},
    report::Point,
    yardstick::RawEvents,
};

const WRITERS: [u32; 3] = [1, 8, 32];
const EVENTS: [u32; 2] = [1, 5];

pub(crate) async fn run(options: &Options) -> Outcome<()> {
    let (ours, raw) = (Database::from_env("append")?, Database::from_env("append")?);
    let measured = measure(options, &ours, &raw).await;
    let measured = ours.drop_after(measured).await;
    raw.drop_after(measured).await
}

async fn measure(options: &Options, ours: &Database, raw: &Database) -> Outcome<()> {
    let notes = ours.notes().await?;
    let most = WRITERS.into_iter().max().unwrap_or(1);
    let store = ours.store(most).await?;
    let raw = RawEvents::create(raw, most).await?;
    for writers in WRITERS {
        for events in EVENTS {
            let setting = Setting {
                options,
                notes: &notes,
                writers,
                events,
            };
            setting.commands(&store, &raw).await?;
            setting.appends(&store, &raw).await?;
        }
    }
    Ok(())
}

struct Setting<'a> {
    options: &'a Options,
    notes: &'a Value,
    writers: u32,
    events: u32,
}

impl Setting<'_> {
    /// A cold command: two round trips on both sides.
    async fn commands(&self, store: &PgEventStore, raw: &RawEvents) -> Outcome<()> {
        let (writers, events) = (self.writers, self.events);
        let accounts = Repository::<Account, _>::new(store.clone());
        let ours = async |time: Duration| {
            let accounts = accounts.clone();
            rate(writers, time, move || {
                let accounts = accounts.clone();
                async move {
                    accounts.execute(new_id(), events).await?;
                    Ok(())
                }
            })
            .await
        };
        let raw = async |time: Duration| {
            let raw = raw.clone();
            rate(writers, time, move || {
                let raw = raw.clone();
                async move { raw.command(&new_id(), events).await }
            })
            .await
        };
        let pairs = take_turns(self.options.rounds, self.options.turn(), ours, raw).await?;
        self.point("execute", "select the stream, insert with a version check")
            .print(&pairs);
        Ok(())
    }

    /// An append alone: one round trip on both sides.
    async fn appends(&self, store: &PgEventStore, raw: &RawEvents) -> Outcome<()> {
        let (writers, events) = (self.writers, self.events);
        let ours = async |time: Duration| {
            let store = store.clone();
            rate(writers, time, move || append(store.clone(), events)).await
        };
        let raw = async |time: Duration| {
            let raw = raw.clone();
            rate(writers, time, move || {
                let raw = raw.clone();
                async move {
                    raw.insert(&new_id(), 0, &AccountEvent::examples(events))
                        .await
                }
            })
            .await
        };
        let pairs = take_turns(self.options.rounds, self.options.turn(), ours, raw).await?;
        self.point("append", "insert with a version check")
            .print(&pairs);
        Ok(())
    }

    fn point(&self, call: &str, yardstick: &'static str) -> Point {
        Point {
            scenario: "append",
            parameters: json!({ "call": call, "writers": self.writers, "events": self.events }),
            yardstick,
            unit: "calls/s",
            notes: self.notes.clone(),
        }
    }
}

async fn append(store: PgEventStore, events: u32) -> Outcome<()> {
    let encoded = AccountEvent::examples(events);
    let encoded = encoded
        .iter()
        .map(|event| NewEvent::encode(event, Metadata::default()));
    let append = Append {
        stream: StreamId::of::<AccountEvent>(new_id())?,
        expected: ExpectedVersion::NoStream,
        events: encoded.collect::<Result<_, _>>()?,
    };
    store.append(append).await?;
    Ok(())
}

fn new_id() -> String {
    Uuid::now_v7().to_string()
}
