//! Moves a store to another baseline as `docs/how-to/run-with-least-privilege.md` describes.

use cqrs_core::{
    EventStore, IdempotencyKey, Position, RecordedEvent, Version, View,
    model::Idempotency,
    ports::{Appends, Checkpoints, Snapshot, Snapshots},
};
use cqrs_postgres::{PgConfig, PgEventStore};

use super::{
    LOG, copy, number,
    readers::{Diary, diary, keep_diary},
};
use crate::support::{append, fresh_store, run, stream, url};

/// The ledger of the baseline before headers existed.
const ANOTHER_BASELINE: &str = "
    alter table __schema__.events drop column headers;
    update __schema__.migrations set checksum = '\\x00';";

fn key() -> Idempotency {
    let key = IdempotencyKey::new("k").expect("valid");
    Idempotency::new(key, 7)
}

async fn events(store: &PgEventStore) -> Vec<RecordedEvent> {
    let events = store.read_stream(&stream("a"), Version::EMPTY).await;
    events.expect("reads")
}

async fn snapshot(store: &PgEventStore) -> Option<Snapshot> {
    let read = store.replay_from_snapshot(&stream("a"), 1).await;
    read.expect("reads").0
}

/// Three events of a stream with a snapshot, one under a key, and a view of all four.
async fn write(store: &PgEventStore) {
    store.append(append("a", 3)).await.expect("appends");
    let keyed = Appends::from(append("b", 1)).once(key());
    store.append_all(keyed).await.expect("appends");
    let last = events(store).await.remove(2);
    let snapshot = Snapshot::new(last.stream, last.version, last.id, 1, 2, "{}".into());
    store.save_snapshot(snapshot).await.expect("saves");
    keep_diary(store, Position::new(4)).await;
}

/// Moves the data as the page describes.
async fn move_data(store: PgEventStore, config: &PgConfig) {
    let schema = store.schema();
    let data = copy::dump(vec![
        "--data-only".to_owned(),
        format!("--schema={schema}"),
        format!("--exclude-table={schema}.migrations"),
        format!("--exclude-table={schema}.view_*"),
    ]);
    let data = data.await;
    let views = copy::dump(vec![format!("--table={schema}.view_*")]).await;
    let rename = format!("alter schema __schema__ rename to {schema}_before");
    run(&store, &rename).await;
    store.close().await;
    PgEventStore::install(config).await.expect("installs");
    copy::import([data, views].concat()).await;
}

#[tokio::test]
async fn a_store_moves_to_another_baseline_with_all_its_data() {
    let store = fresh_store().await;
    write(&store).await;
    let before = (events(&store).await, snapshot(&store).await);
    let checkpoint = store.checkpoint(Diary::NAME, &LOG).await.expect("reads");
    run(&store, ANOTHER_BASELINE).await;
    let schema = store.schema().to_owned();
    let config = PgConfig::new(url()).schema(&schema);
    PgEventStore::install(&config).await.expect_err("rejected");
    move_data(store, &config).await;

    let moved = PgEventStore::connect(&config).await.expect("connects");
    assert_eq!((events(&moved).await, snapshot(&moved).await), before);
    let repeat = moved.appended_under(&key()).await.expect("reads");
    assert_eq!(
        repeat.expect("is known")[0].position,
        Some(Position::new(4))
    );
    let now = moved.checkpoint(Diary::NAME, &LOG).await.expect("reads");
    assert!(now.is_some() && now == checkpoint, "{now:?}");
    assert_eq!(diary(&moved).await, [1, 2, 3, 4]);
    let next = moved.append(append("a", 1)).await.expect("appends");
    assert_eq!(next.position, Some(Position::new(5)));
    keep_diary(&moved, Position::new(5)).await;
    assert_eq!(diary(&moved).await, [1, 2, 3, 4, 5]);
    let kept = format!("select count(*) from {schema}_before.events");
    assert_eq!(number(&moved, &kept).await, 4);
    for schema in [format!("{schema}_before"), schema] {
        run(&moved, &format!("drop schema {schema} cascade")).await;
    }
}
