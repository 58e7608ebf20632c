//! The global order under interleavings forced by open transactions: no event is lost, duplicated or reordered.
//!
//! A naive reader (`position > last`, as in most frameworks) follows beside ours. Where it loses an event, the test proves that
//! it would notice a loss.

use cqrs_core::{
    EventStore, Position, StoreErrorKind,
    ports::{LogQuery, UnitOfWork},
};
use cqrs_postgres::PgEventStore;
use sqlx::{AssertSqlSafe, Executor};
use tokio::task::JoinSet;

use crate::support::{append, fresh_store, open_append, write_somehow};

/// A reader that follows the log. It records events as `id@version`, in the order in which it gets them.
struct Follower<'a> {
    store: &'a PgEventStore,
    after: Position,
    seen: Vec<String>,
}

impl<'a> Follower<'a> {
    fn new(store: &'a PgEventStore) -> Self {
        Self {
            store,
            after: Position::START,
            seen: Vec::new(),
        }
    }

    async fn follow(&mut self) -> &[String] {
        loop {
            let query = LogQuery::new(self.after, 3);
            let page = self.store.read_log(query).await.expect("reads");
            let Some(upto) = page.upto else {
                return &self.seen;
            };
            self.after = Position::new(upto.offset.get());
            self.seen.extend(
                page.events
                    .iter()
                    .map(|e| format!("{}@{}", e.stream.id(), e.version)),
            );
        }
    }

    /// Reads as most frameworks do: all events after the last visible position.
    async fn follow_naively(&mut self) -> &[String] {
        let sql = format!(
            "select position, aggregate_id || '@' || version from {}.events where position > $1 order by position",
            self.store.schema()
        );
        let rows = sqlx::query_as(AssertSqlSafe(sql))
            .bind(i64::try_from(self.after.get()).expect("small"));
        let rows: Vec<(i64, String)> = rows.fetch_all(self.store.pool()).await.expect("reads");
        for (position, event) in rows {
            self.after = Position::new(position.unsigned_abs());
            self.seen.push(event);
        }
        &self.seen
    }
}

#[tokio::test]
async fn a_late_commit_is_lost_only_by_a_naive_reader() {
    let store = fresh_store().await;
    let (mut ours, mut naive) = (Follower::new(&store), Follower::new(&store));
    let late = open_append(&store, "late").await;
    store.append(append("early", 1)).await.expect("appends");
    assert_eq!(ours.follow().await, [""; 0]);
    assert_eq!(naive.follow_naively().await, ["early@1"]);
    store.commit(late).await.expect("commits");
    assert_eq!(ours.follow().await, ["late@1", "early@1"]);
    assert_eq!(
        naive.follow_naively().await,
        ["early@1"],
        "this reader must lose the event, or the test proves nothing"
    );
}

/// Appends to several streams take another path through the SQL function.
#[tokio::test]
async fn events_of_several_streams_that_commit_late_are_not_lost() {
    let store = fresh_store().await;
    let (mut ours, mut naive) = (Follower::new(&store), Follower::new(&store));
    let mut late = store.begin().await.expect("begins");
    store
        .append_in(&mut late, [append("b", 2), append("a", 1)].into())
        .await
        .expect("appends");
    store.append(append("early", 1)).await.expect("appends");
    assert_eq!(ours.follow().await, [""; 0]);
    assert_eq!(naive.follow_naively().await, ["early@1"]);
    store.commit(late).await.expect("commits");
    assert_eq!(ours.follow().await, ["b@1", "b@2", "a@1", "early@1"]);
    assert_eq!(
        naive.follow_naively().await,
        ["early@1"],
        "this reader must lose them, or the test proves nothing"
    );
}

#[tokio::test]
async fn rolled_back_and_killed_transactions_delay_nobody() {
    let store = fresh_store().await;
    let mut ours = Follower::new(&store);
    let rolled_back = open_append(&store, "rolled back").await;
    let mut killed = open_append(&store, "killed").await;
    let pid: i32 = sqlx::query_scalar("select pg_backend_pid()")
        .fetch_one(&mut *killed)
        .await
        .expect("reads");
    store.append(append("committed", 2)).await.expect("appends");
    assert_eq!(ours.follow().await, [""; 0]);
    store.rollback(rolled_back).await.expect("rolls back");
    assert_eq!(ours.follow().await, [""; 0]);
    let kill = sqlx::query_scalar("select pg_terminate_backend($1, 10000)").bind(pid);
    let killed_in_time: bool = kill.fetch_one(store.pool()).await.expect("kills");
    assert!(killed_in_time);
    assert_eq!(ours.follow().await, ["committed@1", "committed@2"]);
    store
        .commit(killed)
        .await
        .expect_err("the connection is gone");
}

#[tokio::test]
async fn an_early_transaction_id_reorders_nothing() {
    let store = fresh_store().await;
    let mut ours = Follower::new(&store);
    let mut old = store.begin().await.expect("begins");
    old.execute("select pg_current_xact_id()")
        .await
        .expect("takes a transaction id before everybody else");
    store.append(append("stream", 1)).await.expect("appends");
    assert_eq!(
        ours.follow().await,
        ["stream@1"],
        "a transaction that has not appended holds nobody up"
    );
    store
        .append_in(&mut old, [append("stream", 1)].into())
        .await
        .expect("appends");
    store.append(append("other", 1)).await.expect("appends");
    assert_eq!(ours.follow().await, ["stream@1"]);
    store.commit(old).await.expect("commits");
    assert_eq!(ours.follow().await, ["stream@1", "stream@2", "other@1"]);
}

#[tokio::test]
async fn an_append_after_a_rolled_back_savepoint_sets_a_new_fence() {
    let store = fresh_store().await;
    let mut ours = Follower::new(&store);
    let mut transaction = store.begin().await.expect("begins");
    transaction.execute("savepoint s").await.expect("runs");
    store
        .append_in(&mut transaction, [append("undone", 1)].into())
        .await
        .expect("appends");
    transaction.execute("rollback to s").await.expect("runs");
    store.append(append("between", 1)).await.expect("appends");
    assert_eq!(
        ours.follow().await,
        ["between@1"],
        "nothing holds the fence any more"
    );
    store
        .append_in(&mut transaction, [append("kept", 1)].into())
        .await
        .expect("appends");
    store.append(append("after", 1)).await.expect("appends");
    assert_eq!(ours.follow().await, ["between@1"]);
    store.commit(transaction).await.expect("commits");
    assert_eq!(ours.follow().await, ["between@1", "kept@1", "after@1"]);
}

#[tokio::test]
async fn two_stores_in_one_database_do_not_delay_each_other() {
    let (store, other) = (fresh_store().await, fresh_store().await);
    let held = open_append(&other, "held").await;
    store.append(append("free", 1)).await.expect("appends");
    assert_eq!(Follower::new(&store).follow().await, ["free@1"]);
    drop(held);
}

#[tokio::test]
async fn a_transaction_with_another_isolation_level_is_rejected() {
    let store = fresh_store().await;
    let mut transaction = store.begin().await.expect("begins");
    transaction
        .execute("set transaction isolation level repeatable read")
        .await
        .expect("runs");
    let error = store
        .append_in(&mut transaction, [append("a", 1)].into())
        .await
        .expect_err("rejected");
    assert!(error.to_string().contains("READ COMMITTED"), "{error}");
}

#[tokio::test]
async fn a_commit_is_on_disk_whatever_the_session_sets() {
    let store = fresh_store().await;
    let mut transaction = store.begin().await.expect("begins");
    transaction
        .execute("set local synchronous_commit = off")
        .await
        .expect("runs");
    store
        .append_in(&mut transaction, [append("a", 1)].into())
        .await
        .expect("appends");
    let level = sqlx::query_scalar("select current_setting('synchronous_commit')");
    let level: String = level.fetch_one(&mut *transaction).await.expect("reads");
    assert_eq!(level, "on");
}

/// Without a last value there is no key to lock, and the fence would be missing without an error.
#[tokio::test]
async fn a_sequence_that_was_set_back_stops_reads_and_writes() {
    let store = fresh_store().await;
    store.append(append("a", 1)).await.expect("appends");
    let set_back = format!(
        "select setval('\"{}\".position', 100, false)",
        store.schema()
    );
    store
        .pool()
        .execute(AssertSqlSafe(set_back))
        .await
        .expect("runs");
    let error = store.append(append("a", 1)).await.expect_err("rejected");
    assert!(
        error.to_string().contains("positions would be reused"),
        "{error}"
    );
    let error = store.high_water_mark().await.expect_err("rejected");
    assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{error}");
}

/// For a few seconds, readers follow writers with rollbacks, early ids, savepoints and pauses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_follow_busy_writers_without_losses() {
    let store = fresh_store().await;
    let mut writers = JoinSet::new();
    for writer in 0..8_u64 {
        let store = store.clone();
        writers.spawn(async move {
            for n in 0..60_u64 {
                write_somehow(&store, writer * 1_000 + n).await;
            }
        });
    }
    let mut readers = JoinSet::new();
    let (done, writing) = tokio::sync::watch::channel(true);
    for _ in 0..2 {
        let (store, writing) = (store.clone(), writing.clone());
        readers.spawn(async move {
            let mut follower = Follower::new(&store);
            while *writing.borrow() {
                follower.follow().await;
                tokio::task::yield_now().await;
            }
            follower.follow().await.to_vec()
        });
    }
    writers.join_all().await;
    done.send_replace(false);
    let all = Follower::new(&store).follow().await.to_vec();
    assert!(all.len() > 300, "{} events", all.len());
    for seen in readers.join_all().await {
        assert_eq!(seen, all);
    }
}
