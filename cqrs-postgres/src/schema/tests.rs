//! Upgrades of the baseline by a migration that exists for these tests only.

use cqrs_core::{
    EventStore, ExpectedVersion, StreamId, Version,
    model::{Checkpoint, Claim, PartitionId, Slices},
    ports::{Append, Checkpoints, Document, DocumentWrite, Documents, Partitions, UnitOfWork},
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use super::*;
use crate::{PgConfig, PgEventStore};

#[derive(serde::Serialize, serde::Deserialize)]
enum NoteEvent {
    Written { text: String },
}
impl cqrs_core::Event for NoteEvent {
    const CATEGORY: &'static str = "note";
}

const DELTA: &str = "
    alter table __schema__.snapshots add column taken_by text;
    create function __schema__.takers() returns bigint language sql stable as $$
        select count(taken_by) from __schema__.snapshots
    $$;";

const LOG: PartitionId = PartitionId::Log(Slices::ALL);

fn url() -> String {
    std::env::var("DATABASE_URL").expect("DATABASE_URL names a server: scripts/services up")
}

/// A schema of its own, dropped at the end of a test that passed.
struct Scratch {
    name: String,
    connection: PgConnection,
}

impl Scratch {
    async fn new() -> Self {
        let name = format!("test_{}", Uuid::now_v7().simple());
        let connection = PgConnection::connect(&url()).await.expect("connects");
        Self { name, connection }
    }

    /// The baseline, followed by this migration.
    fn with_delta(&self, delta: &'static str) -> Schema<'static> {
        let mut steps = migrations::all();
        steps.push(Step {
            version: 2,
            name: "for tests",
            texts: vec![delta],
        });
        Schema::made_by(self.name.clone().leak(), &steps)
    }

    async fn ask<T>(&mut self, sql: &str) -> T
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
    {
        let sql = sql.replace("__schema__", &format!("\"{}\"", self.name));
        let answer = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut self.connection);
        answer.await.expect("reads")
    }

    async fn drop(mut self) {
        let sql = format!("drop schema \"{}\" cascade", self.name);
        let dropped = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.connection);
        dropped.await.expect("drops");
    }
}

/// A store that was installed by the baseline alone.
async fn baseline_store(scratch: &Scratch) -> PgEventStore {
    let config = PgConfig::new(url()).schema(&scratch.name);
    PgEventStore::install(&config).await.expect("installs");
    PgEventStore::connect(&config).await.expect("connects")
}

async fn claim_of(store: &PgEventStore) -> Claim {
    store.subscribe("notes", 1).await.expect("subscribes");
    let claim = store.claim("notes", &LOG, None).await.expect("claims");
    claim.expect("it is there")
}

async fn append(store: &PgEventStore, after: u64) -> Version {
    let event = NoteEvent::Written {
        text: "x".to_owned(),
    };
    let at = ExpectedVersion::Exact(Version::new(after));
    let appended = store.append(Append::of("a", at, &[event]).expect("valid"));
    appended.await.expect("appends").version
}

#[tokio::test]
async fn a_migration_upgrades_the_baseline_and_keeps_its_data() {
    let mut scratch = Scratch::new().await;
    let store = baseline_store(&scratch).await;
    append(&store, 0).await;
    store.prepare_view("notes").await.expect("prepares");
    let claim = claim_of(&store).await;
    let stream = StreamId::of::<NoteEvent>("a").expect("valid");
    let before = store
        .read_stream(&stream, Version::EMPTY)
        .await
        .expect("reads");
    let at = Checkpoint::after(before[0].position, before[0].id);
    let mut transaction = store.begin().await.expect("begins");
    let documents = [DocumentWrite::new("k".to_owned(), 0, Some(b"{}".to_vec()))];
    let written = store.save_in(&mut transaction, "notes", &documents);
    written.await.expect("writes");
    let moved = store.advance_in(&mut transaction, "notes", &LOG, claim.epoch, claim.at, at);
    moved.await.expect("moves");
    store.commit(transaction).await.expect("commits");

    let upgraded = scratch.with_delta(DELTA);
    for _ in 0..2 {
        upgraded
            .install(&mut scratch.connection)
            .await
            .expect("upgrades");
    }
    upgraded
        .check(&mut scratch.connection)
        .await
        .expect("is right");
    assert_eq!(scratch.ask::<i64>("select __schema__.takers()").await, 0);

    assert_eq!(append(&store, 1).await, Version::new(2));
    let events = store
        .read_stream(&stream, Version::EMPTY)
        .await
        .expect("reads");
    assert_eq!(events[0], before[0]);
    assert!(events[1].position > events[0].position);
    let claim = claim_of(&store).await;
    assert_eq!((claim.epoch, claim.at), (2, Some(at)));
    let document = store.document("notes", "k").await.expect("reads");
    assert_eq!(
        document.map(|Document { body, .. }| body),
        Some(b"{}".to_vec())
    );
    store.close().await;
    scratch.drop().await;
}

#[tokio::test]
async fn code_and_schema_of_two_releases_reject_each_other() {
    let mut scratch = Scratch::new().await;
    let store = baseline_store(&scratch).await;
    let newer = scratch.with_delta(DELTA);
    let error = newer
        .check(&mut scratch.connection)
        .await
        .expect_err("rejected");
    let older = "is at migration 1, this version needs 2; run PgEventStore::install";
    assert!(error.to_string().contains(older), "{error}");
    newer
        .install(&mut scratch.connection)
        .await
        .expect("upgrades");

    let name = scratch.name.clone();
    let ours = Schema::new(&name);
    for rejected in [
        ours.check(&mut scratch.connection).await,
        ours.install(&mut scratch.connection).await,
    ] {
        let error = rejected.expect_err("rejected");
        assert_eq!(error.kind(), StoreErrorKind::Schema);
        let newer =
            "is at migration 2, this version knows 1 at most: a newer version has upgraded it";
        assert!(error.to_string().contains(newer), "{error}");
    }
    store.close().await;
    scratch.drop().await;
}

#[tokio::test]
async fn an_upgrade_that_fails_changes_nothing() {
    let mut scratch = Scratch::new().await;
    let store = baseline_store(&scratch).await;
    let broken = scratch.with_delta("create table __schema__.more (); select 1 / 0");
    let error = broken.install(&mut scratch.connection).await;
    error.expect_err("fails");
    // The session of a failed installation keeps the lock of the migrator.
    scratch.connection = PgConnection::connect(&url()).await.expect("connects");
    let more = "select to_regclass('__schema__.more') is null";
    assert!(scratch.ask::<bool>(more).await);
    let name = scratch.name.clone();
    let ours = Schema::new(&name);
    ours.check(&mut scratch.connection)
        .await
        .expect("is as before");
    let delta = scratch.with_delta(DELTA);
    delta
        .install(&mut scratch.connection)
        .await
        .expect("upgrades");
    store.close().await;
    scratch.drop().await;
}
