//! Loads streams of several lengths, with and without a snapshot, with one reader.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use cqrs_core::{CommandStore, Repository, SnapshotPolicy};
use cqrs_postgres::PgEventStore;
use serde_json::{Value, json};

use crate::{
    Options, Outcome,
    database::Database,
    domain::Account,
    measure::{alternate, rate},
    preload::{account, preload},
    report::Point,
    yardstick::{RawEvents, Session},
};

/// How many streams of each kind there are. They are loaded in turn.
const STREAMS: u32 = 100;

const KINDS: [Streams; 5] = [
    Streams::replayed(10),
    Streams::replayed(100),
    Streams::replayed(1_000),
    Streams::with_snapshot(100, 10),
    Streams::with_snapshot(1_000, 10),
];

pub(crate) async fn run(options: &Options) -> Outcome<()> {
    let database = Database::from_env("rehydrate")?;
    let measured = measure(options, &database).await;
    database.drop_after(measured).await
}

async fn measure(options: &Options, database: &Database) -> Outcome<()> {
    let notes = database.notes().await?;
    let store = database.store(2).await?;
    for streams in KINDS {
        streams.prepare(&store).await?;
    }
    database.run("vacuum analyze __schema__.events").await?;
    // The raw side reads the tables of the store: the same rows in the same places.
    let raw = RawEvents::of(database, 2).await?;
    for streams in KINDS {
        streams.check(&store, &raw).await?;
        streams.measure(options, &notes, &store, &raw).await?;
    }
    Ok(())
}

/// Streams of one kind.
#[derive(Debug, Clone, Copy)]
struct Streams {
    events: u32,
    /// How many of them are after the snapshot; `None` without a snapshot.
    after_snapshot: Option<u32>,
}

impl Streams {
    const fn replayed(events: u32) -> Self {
        Self {
            events,
            after_snapshot: None,
        }
    }

    const fn with_snapshot(events: u32, after_snapshot: u32) -> Self {
        Self {
            events,
            after_snapshot: Some(after_snapshot),
        }
    }

    fn prefix(self) -> String {
        match self.after_snapshot {
            None => format!("of-{}", self.events),
            Some(after) => format!("of-{}-and-{after}", self.events - after),
        }
    }

    fn accounts(self, store: &PgEventStore) -> Repository<Account, PgEventStore> {
        let accounts = store.repository();
        match self.after_snapshot {
            None => accounts,
            Some(_) => accounts.snapshots(SnapshotPolicy::on_demand()),
        }
    }

    async fn prepare(self, store: &PgEventStore) -> Outcome<()> {
        let after = self.after_snapshot.unwrap_or_default();
        let before = (self.events - after) * STREAMS;
        preload(store, &self.prefix(), before, STREAMS).await?;
        if self.after_snapshot.is_some() {
            let accounts = self.accounts(store);
            for number in 0..STREAMS {
                accounts
                    .take_snapshot(account(&self.prefix(), number))
                    .await?;
            }
            preload(store, &self.prefix(), after * STREAMS, STREAMS).await?;
        }
        Ok(())
    }

    /// Checks that both sides load the same state.
    async fn check(self, store: &PgEventStore, raw: &RawEvents) -> Outcome<()> {
        let id = account(&self.prefix(), 0);
        let ours = self.accounts(store).load(&id).await?;
        let (state, version) = self.load_raw(&mut raw.session().await?, &id).await?;
        if ours.state == state && version == i64::from(self.events) {
            return Ok(());
        }
        Err(format!("{id} differs: {ours:?} and {state:?} at version {version}").into())
    }

    async fn load_raw(self, raw: &mut Session, id: &str) -> Outcome<(Account, i64)> {
        match self.after_snapshot {
            None => raw.load(id).await,
            Some(_) => raw.load_from_snapshot(id).await,
        }
    }

    async fn measure(
        self,
        options: &Options,
        notes: &Value,
        store: &PgEventStore,
        raw: &RawEvents,
    ) -> Outcome<()> {
        let accounts = self.accounts(store);
        let ids = StreamIds::of(self.prefix());
        let ours = async |time: Duration| {
            rate(1, time, |_, mut turn| {
                let accounts = accounts.clone();
                let ids = ids.clone();
                async move {
                    while turn.should_continue() {
                        std::hint::black_box(accounts.load(ids.next()).await?);
                    }
                    Ok(turn)
                }
            })
            .await
        };
        let raw = async |time: Duration| {
            rate(1, time, |_, mut turn| {
                let raw = raw.clone();
                let ids = ids.clone();
                async move {
                    let mut raw = raw.session().await?;
                    while turn.should_continue() {
                        std::hint::black_box(self.load_raw(&mut raw, &ids.next()).await?);
                    }
                    Ok(turn)
                }
            })
            .await
        };
        let pairs = alternate(options.rounds, options.turn(), ours, raw).await?;
        self.point(notes).print(&pairs);
        Ok(())
    }

    fn point(self, notes: &Value) -> Point {
        Point {
            scenario: "rehydrate",
            parameters: json!({
                "events": self.events,
                "after_snapshot": self.after_snapshot,
                "streams": STREAMS,
                "readers": 1,
            }),
            yardstick: match self.after_snapshot {
                None => "select version, type and payload, decode by hand",
                Some(_) => "select a state and the events after it, decode by hand",
            },
            unit: "streams/s",
            details: Value::Null,
            notes: notes.clone(),
        }
    }
}

/// The ids of the streams, in turn.
#[derive(Debug, Clone)]
struct StreamIds {
    prefix: Arc<str>,
    number: Arc<AtomicU32>,
}

impl StreamIds {
    fn of(prefix: String) -> Self {
        Self {
            prefix: prefix.into(),
            number: Arc::new(AtomicU32::new(0)),
        }
    }

    fn next(&self) -> String {
        account(
            &self.prefix,
            self.number.fetch_add(1, Ordering::Relaxed) % STREAMS,
        )
    }
}
