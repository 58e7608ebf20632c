//! Versions and positions beyond 32 bits.

use cqrs_core::{
    EventStore, ExpectedVersion, Position, Version,
    ports::{LogQuery, Snapshot, Snapshots},
};
use sqlx::AssertSqlSafe;

use crate::support::{append, fresh_store};

const FAR: u64 = 5_000_000_000;

#[tokio::test]
async fn versions_and_positions_outgrow_32_bits() {
    let store = fresh_store().await;
    let first = append("alice", 1);
    let (stream, first_id) = (first.stream.clone(), first.events[0].id);
    store.append(first).await.expect("appends");
    let schema = store.schema();
    for far in [
        format!("alter table \"{schema}\".events disable trigger events_never_change"),
        format!("update \"{schema}\".events set version = {FAR}, position = {FAR}"),
        format!("select setval('\"{schema}\".position', {FAR})"),
    ] {
        let far = sqlx::query(AssertSqlSafe(far));
        far.execute(store.pool()).await.expect("runs");
    }
    let next = |expected| append("alice", 2).expecting(expected);
    let at = Version::new(FAR);
    for expected in [
        ExpectedVersion::LastEvent(at, first_id),
        ExpectedVersion::Exact(at.plus(2)),
    ] {
        let appended = store.append(next(expected)).await.expect("appends");
        assert_eq!(
            appended.position.map(Position::get),
            Some(appended.version.get()),
            "both were set to the same"
        );
    }
    let versions = async |after| -> Vec<_> {
        let past = store.replay(&stream, after).await.expect("replays");
        past.iter().map(|past| past.version.get() - FAR).collect()
    };
    assert_eq!(versions(Version::new(FAR - 1)).await, [0, 1, 2, 3, 4]);
    assert_eq!(versions(at.plus(2)).await, [3, 4]);
    let snapshot = Snapshot::new(stream.clone(), at, first_id, 1, 1, "1".into());
    let saved = store.save_snapshot(snapshot.clone()).await;
    saved.expect("saves");
    let (read, events) = store
        .replay_from_snapshot(&stream, 1)
        .await
        .expect("replays");
    assert_eq!((read, events.len()), (Some(snapshot), 5));
    let mark = store.high_water_mark().await.expect("reads");
    assert_eq!(mark.get(), FAR + 4);
    let query = LogQuery::new(Position::new(FAR + 1), 10);
    let page = store.read_log(query).await.expect("reads");
    assert_eq!(page.events.len(), 3);
}
