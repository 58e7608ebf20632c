//! The work on each table: loads of streams, and appends to new and to old ones.

use std::time::Duration;

use cqrs_core::{CommandStore, EventStore, ExpectedVersion, Repository};
use cqrs_postgres::PgEventStore;
use uuid::Uuid;

use crate::{
    Outcome,
    append::append_to,
    database::Database,
    domain::{Account, AccountEvent},
    fill::{WAVE, fill, id},
    measure::rate,
    random::Random,
    yardstick::{RawEvents, Read},
};

/// Loads come first, because appends change the streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Loads any stream. Its pages are hardly ever in memory.
    LoadAny,
    /// Loads one of the last streams, as most services do.
    LoadLate,
    /// Appends to a new stream.
    AppendNew,
    /// Appends to any stream.
    AppendAny,
}

impl Work {
    pub(super) const ALL: [Self; 4] = [
        Self::LoadAny,
        Self::LoadLate,
        Self::AppendNew,
        Self::AppendAny,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::LoadAny => "load any stream",
            Self::LoadLate => "load one of the last 10,000 streams",
            Self::AppendNew => "append to a new stream",
            Self::AppendAny => "append to any stream",
        }
    }

    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::LoadAny | Self::LoadLate => "streams/s",
            Self::AppendNew | Self::AppendAny => "calls/s",
        }
    }

    pub(super) fn workers(self) -> u32 {
        match self {
            Self::LoadAny | Self::LoadLate => 1,
            Self::AppendNew | Self::AppendAny => 8,
        }
    }
}

/// The side that does the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Store,
    /// Plain SQL shows the cost of growth for the server alone.
    Sql,
}

impl Side {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Store => "the store",
            Self::Sql => "plain SQL",
        }
    }
}

/// A filled table, and both ways to use it.
#[derive(Clone)]
pub(super) struct Table<'a> {
    database: &'a Database,
    store: PgEventStore,
    accounts: Repository<Account, PgEventStore>,
    raw: RawEvents,
    streams: u32,
}

impl<'a> Table<'a> {
    pub(super) async fn filled(database: &'a Database, streams: u32, each: u32) -> Outcome<Self> {
        let store = database.store(8).await?;
        fill(database, streams, each).await?;
        Ok(Self {
            database,
            accounts: store.repository(),
            store,
            raw: RawEvents::of(database, 8).await?,
            streams,
        })
    }

    /// The size of the table with its indexes.
    pub(super) async fn size(&self) -> Outcome<String> {
        self.database.table_size().await
    }

    pub(super) async fn rate(&self, work: Work, side: Side, time: Duration) -> Outcome<f64> {
        let streams = self.streams;
        rate(work.workers(), time, |_, mut turn| {
            let accounts = self.accounts.clone();
            let store = self.store.clone();
            let raw = self.raw.clone();
            let mut random = Random::new();
            async move {
                let mut raw = raw.session().await?;
                while turn.should_continue() {
                    let id = match work {
                        Work::LoadAny | Work::AppendAny => id(random.below(streams)),
                        Work::LoadLate => id(streams - WAVE + random.below(WAVE)),
                        Work::AppendNew => Uuid::now_v7().to_string(),
                    };
                    match (work, side) {
                        (Work::LoadAny | Work::LoadLate, Side::Store) => {
                            std::hint::black_box(accounts.load(&id).await?);
                        }
                        (Work::LoadAny | Work::LoadLate, Side::Sql) => {
                            std::hint::black_box(raw.load(&id).await?);
                        }
                        (Work::AppendNew | Work::AppendAny, Side::Store) => {
                            store
                                .append(append_to(id, ExpectedVersion::Any, 1)?)
                                .await?;
                        }
                        (Work::AppendNew, Side::Sql) => {
                            let events = AccountEvent::examples(1);
                            raw.insert(&id, 0, &events).await?;
                        }
                        // A retry is rare: two writers seldom choose the same stream.
                        (Work::AppendAny, Side::Sql) => {
                            while !raw.attempt(&id, Read::Version, 1).await? {}
                        }
                    }
                }
                Ok(turn)
            }
        })
        .await
    }
}
