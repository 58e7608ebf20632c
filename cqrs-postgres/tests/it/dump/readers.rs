//! Readers of a store: a view that records the events that it handles, and a plain reader of the log.

use std::time::Instant;

use cqrs_core::{
    DocumentKeys, Envelope, Event, EventStore, Position, ReadModel, Runner, View,
    model::{Checkpoint, Claim},
    ports::{LogQuery, Next, Reader, Source, SourceError},
    read::LogSource,
};
use cqrs_postgres::PgEventStore;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::LONG_ENOUGH;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum AccountEvent {
    Happened(u8),
}
impl Event for AccountEvent {
    const CATEGORY: &'static str = "account";
}

/// One document with the position of every event, in the order in which they were handled.
pub(crate) struct Diary;
impl View for Diary {
    const NAME: &'static str = "diary";
    type Events = AccountEvent;
    type Document = Vec<u64>;

    fn keys(&self, _: &Envelope<AccountEvent>) -> DocumentKeys {
        "all".into()
    }
    fn apply(
        &self,
        _: &str,
        positions: Option<Vec<u64>>,
        event: &Envelope<AccountEvent>,
    ) -> Option<Vec<u64>> {
        let mut positions = positions.unwrap_or_default();
        positions.push(event.recorded.position.get());
        Some(positions)
    }
}

/// The positions in the diary.
pub(crate) async fn diary(store: &PgEventStore) -> Vec<u64> {
    let diary = ReadModel::<Diary, _>::new(store);
    diary.get("all").await.expect("reads").unwrap_or_default()
}

/// Runs the diary until it has the event at `last`.
pub(super) async fn keep_diary(store: &PgEventStore, last: Position) {
    let runner = Runner::over_log(store, Diary).expect("a view");
    let written = wait_for_diary(store, last);
    runner.run(written).await.expect("runs");
}

/// Waits until the diary has the event at `last`.
pub(super) async fn wait_for_diary(store: &PgEventStore, last: Position) {
    let diary = ReadModel::<Diary, _>::new(store);
    let waited = timeout(LONG_ENOUGH, diary.wait_for(last)).await;
    waited.expect("the event is handled").expect("reads");
}

/// The position up to which the log can be read.
pub(super) async fn end_of_log(store: &PgEventStore) -> Checkpoint {
    let query = LogQuery::new(Position::START, 1_000_000);
    let page = store.read_log(query).await.expect("reads");
    page.upto.expect("is not empty")
}

/// The positions that a reader gets from a checkpoint up to `last`.
pub(super) async fn read_on(
    store: &PgEventStore,
    from: Checkpoint,
    last: Position,
) -> Result<Vec<u64>, SourceError> {
    let mut source = LogSource::new(store, "reader", Vec::new());
    let mut reader = source.assigned().await?.expect("has a partition");
    reader.start(&Claim::new(1, Some(from))).await?;
    let mut met = Vec::new();
    let begun = Instant::now();
    while met.last() != Some(&last.get()) {
        match reader.next(500).await? {
            Next::Batch(batch) => met.extend(batch.events.iter().map(|event| event.position.get())),
            Next::Idle => assert!(begun.elapsed() < LONG_ENOUGH, "there is more to read"),
            Next::Revoked => panic!("nobody stopped it"),
        }
    }
    Ok(met)
}
