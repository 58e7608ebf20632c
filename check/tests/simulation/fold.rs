//! What must hold at every moment: the documents are a fold of the log, and what was published is a prefix of it.

use std::collections::{BTreeMap, BTreeSet};

use cqrs_core::{
    EventStore, MemoryEventStore, Position, RecordedEvent, Version,
    model::{KeyRange, Slices},
    ports::{
        BoxError, Discards, Documents, LogQuery, ParkedKey, Parking, Partitions, decode_document,
    },
};

use crate::{
    broker::Broker,
    journal::{ALL, Journal, Pages, written},
    schedule::Setup,
};

/// What there is to see of a world.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) store: &'a MemoryEventStore,
    pub(crate) broker: &'a Broker,
    pub(crate) setup: Setup,
    /// How many discards do not count any more.
    pub(crate) reset_after: usize,
}

impl Seen<'_> {
    /// Checks the documents and the broker against the log.
    pub(crate) async fn check(self) -> Result<(), String> {
        check(self).await
    }

    /// Whether consumers see as many events as the log has.
    pub(crate) fn is_published(self, events: u64) -> bool {
        let shards = self.broker.look();
        let visible = shards.iter().map(|shard| shard.visible.len() as u64);
        visible.sum::<u64>() == events
    }
}

async fn check(world: Seen<'_>) -> Result<(), String> {
    let log = log(world).await.map_err(|error| error.to_string())?;
    if world.setup.runners > 0 {
        let pages = pages(world).await.map_err(|error| error.to_string())?;
        let expected = expected(world, &log).await;
        let expected = expected.map_err(|error| error.to_string())?;
        if pages != expected {
            return Err(format!("written down: {pages:?}; expected: {expected:?}"));
        }
    }
    for (number, shard) in (0..).zip(world.broker.look()) {
        let upto = shard.progress.map_or(0, |at| at.offset.get());
        let expected = of_shard(world, &log, number, upto);
        if shard.visible != expected {
            let found = shard.visible;
            return Err(format!(
                "shard {number} has {found:?}; expected: {expected:?}"
            ));
        }
    }
    Ok(())
}

async fn log(world: Seen<'_>) -> Result<Vec<RecordedEvent>, BoxError> {
    let query = LogQuery::new(Position::START, usize::MAX);
    Ok(world.store.read_log(query).await?.events)
}

/// What the role has written down. The order of events of several partitions does not count.
async fn pages(world: Seen<'_>) -> Result<Pages, BoxError> {
    let all = KeyRange::all();
    let documents = world.store.documents(Journal::NAME, &all, 100);
    let mut pages = Pages::new();
    for (key, document) in documents.await? {
        let mut numbers: Vec<u64> = decode_document(Journal::NAME, &key, &document.body)?;
        if key == ALL {
            numbers.sort_unstable();
        }
        pages.insert(key, numbers);
    }
    Ok(pages)
}

/// The events up to where each slice was read, without those that are parked or were discarded.
async fn expected(world: Seen<'_>, log: &[RecordedEvent]) -> Result<Pages, BoxError> {
    let slices = world.store.progress_by_slice(Journal::NAME).await?;
    let read = |slice: u16| {
        let progress = slices.get(usize::from(slice));
        let at = progress.and_then(|progress| progress.at);
        at.map_or(0, |at| at.offset.get())
    };
    let parked = world.store.parked(Journal::NAME).await?;
    let waits_from = |of: &ParkedKey| Some((of.key.stream()?.clone(), of.event.version));
    let parked: BTreeMap<_, Version> = parked.iter().filter_map(waits_from).collect();
    let discarded = world.store.discarded(Journal::NAME).await?;
    let discarded = discarded.into_iter().skip(world.reset_after);
    let discarded: BTreeSet<Position> = discarded
        .filter_map(|of| Some(of.event?.position))
        .collect();
    let is_handled = |event: &&RecordedEvent| {
        let waits = parked.get(&event.stream);
        event.position.get() <= read(event.stream.slice())
            && waits.is_none_or(|from| event.version < *from)
            && !discarded.contains(&event.position)
    };
    Ok(written(log.iter().filter(is_handled)))
}

fn of_shard(world: Seen<'_>, log: &[RecordedEvent], shard: u16, upto: u64) -> Vec<u64> {
    let slices = Slices::part(shard, world.setup.shards);
    let of_it = log
        .iter()
        .filter(|event| slices.contains(event.stream.slice()));
    let positions = of_it.map(|event| event.position.get());
    positions.filter(|position| *position <= upto).collect()
}
