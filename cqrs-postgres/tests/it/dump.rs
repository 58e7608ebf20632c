//! A dump that is taken under load restores to a store without losses; a dump that is too old is detected.

mod copy;
mod moved;
pub(crate) mod readers;

use std::{collections::BTreeMap, time::Duration};

use cqrs_core::{
    EventStore, Position, ReadModel, Runner, View,
    model::{Checkpoint, PartitionId, Slices},
    ports::{Checkpoints, Documents, SourceError, UnitOfWork},
    read::RunnerErrorKind,
};
use cqrs_postgres::PgEventStore;
use sqlx::AssertSqlSafe;
use tokio::{sync::watch, task::JoinSet, time::timeout};

use self::{
    copy::Dump,
    readers::{Diary, diary, end_of_log, keep_diary, read_on, wait_for_diary},
};
use crate::support::{append, claimed, fresh_config, fresh_store, open_append, run, write_somehow};

const LOG: PartitionId = PartitionId::Log(Slices::ALL);
const LONG_ENOUGH: Duration = Duration::from_secs(60);

/// The events: for each position, the whole row as text.
type Rows = BTreeMap<u64, String>;

async fn rows(store: &PgEventStore) -> Rows {
    let sql = format!("select position, e::text from {}.events e", store.schema());
    let rows = sqlx::query_as(AssertSqlSafe(sql));
    let rows: Vec<(i64, String)> = rows.fetch_all(store.pool()).await.expect("reads");
    rows.into_iter()
        .map(|(position, row)| (position.unsigned_abs(), row))
        .collect()
}

async fn number(store: &PgEventStore, sql: &str) -> u64 {
    let sql = sql.replace("__schema__", store.schema());
    let number: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_one(store.pool())
        .await
        .expect("reads");
    number.unsigned_abs()
}

/// Runs writers and a runner until the sender sends `false`.
fn write_and_run(store: &PgEventStore, writing: &watch::Receiver<bool>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for writer in 0..4_u64 {
        let (store, writing) = (store.clone(), writing.clone());
        tasks.spawn(async move {
            let mut n = writer * 1_000_003;
            while *writing.borrow() {
                write_somehow(&store, n).await;
                n += 1;
            }
        });
    }
    let runner = Runner::over_log(store, Diary).expect("a view");
    let mut writing = writing.clone();
    let stop = async move {
        let stopped = writing.wait_for(|writing| !writing).await;
        stopped.expect("the sender lives");
    };
    tasks.spawn(async { runner.run(stop).await.expect("runs") });
    tasks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_under_load_restores_without_losses() {
    let config = fresh_config()
        .idle_in_transaction_timeout(LONG_ENOUGH)
        .lease(2 * LONG_ENOUGH);
    PgEventStore::install(&config).await.expect("installs");
    let store = PgEventStore::connect(&config).await.expect("connects");
    let (running, writing) = watch::channel(true);
    let mut tasks = write_and_run(&store, &writing);
    let first = store.append(append("first", 1)).await.expect("appends");
    wait_for_diary(&store, first.position.expect("is committed")).await;
    for round in 0..3 {
        // Two open transactions delay readers all the time, while later ones have committed.
        let undone = open_append(&store, "undone").await;
        let late = open_append(&store, "late").await;
        store.append(append("early", 1)).await.expect("appends");
        let reader = end_of_log(&store).await;
        let acknowledged = rows(&store).await;
        let copy = Dump::of(&store).await.restore().await;

        let restored = rows(&copy.store).await;
        let count = "select count(*) from __schema__.events where aggregate_id = ";
        let early_events = number(&copy.store, &format!("{count} 'early'")).await;
        let late_events = number(&copy.store, &format!("{count} 'late'")).await;
        assert_eq!(
            [early_events, late_events],
            [round + 1, round],
            "an event must be missing below one that is there, or the test proves nothing"
        );
        let original = rows(&store).await;
        assert!(original.len() > restored.len(), "nobody wrote meanwhile");
        is_whole(&copy.store, &restored, &acknowledged, &original).await;
        subscription_was_restored(&copy.store, &restored).await;
        goes_on(&copy.store, &restored, reader).await;
        copy.remove().await;

        store.rollback(undone).await.expect("rolls back");
        store.commit(late).await.expect("commits");
    }
    running.send_replace(false);
    while let Some(task) = tasks.join_next().await {
        task.expect("does not panic");
    }
}

/// Checks that the copy has every event that was acknowledged before the dump, and only events of the store, at the same
/// positions.
async fn is_whole(copy: &PgEventStore, restored: &Rows, acknowledged: &Rows, original: &Rows) {
    for (position, row) in acknowledged {
        assert_eq!(restored.get(position), Some(row));
    }
    for (position, row) in restored {
        assert_eq!(original.get(position), Some(row));
    }
    let streams_with_holes = "select count(*) from (select from __schema__.events group by category, aggregate_id \
                              having count(*) <> max(version)) as streams";
    assert_eq!(number(copy, streams_with_holes).await, 0);
    let drawn = "select pg_sequence_last_value('__schema__.position'::regclass)";
    let highest = restored.keys().last().expect("is not empty");
    assert!(number(copy, drawn).await >= *highest);
}

/// Checks that the read model and its checkpoint are at the same event, and that the copy has this event.
async fn subscription_was_restored(copy: &PgEventStore, restored: &Rows) {
    let restored_to = copy.checkpoint(Diary::NAME, &LOG).await.expect("reads");
    let restored_to = restored_to.expect("was restored");
    let position = Position::new(restored_to.offset.get());
    let found = copy.event_id_at(position).await.expect("reads");
    assert!(
        found.is_some() && found == restored_to.event_id,
        "{restored_to:?}"
    );
    let handled: Vec<u64> = restored
        .range(..=position.get())
        .map(|row| *row.0)
        .collect();
    assert_eq!(diary(copy).await, handled);
}

/// Checks that a reader and the subscription continue in the copy, over restored and new events.
async fn goes_on(copy: &PgEventStore, restored: &Rows, reader: Checkpoint) {
    let mut last = Position::START;
    for id in ["late", "early", "s1", "new"] {
        let appended = copy.append(append(id, 2)).await.expect("appends");
        last = appended.position.expect("is committed");
    }
    let all: Vec<u64> = rows(copy).await.into_keys().collect();
    let positions: Vec<u64> = restored.keys().copied().collect();
    assert_eq!(all.len(), positions.len() + 8);
    assert!(all.starts_with(&positions), "new positions come last");

    let met = read_on(copy, reader, last).await.expect("reads");
    let behind = all.partition_point(|position| *position <= reader.offset.get());
    assert_eq!(met, all[behind..]);
    // The process that the dump names as the owner runs elsewhere. Otherwise the copy would wait for the end of its lease.
    run(copy, "delete from __schema__.members").await;
    keep_diary(copy, last).await;
    assert_eq!(diary(copy).await, all);
}

#[track_caller]
fn is_replaced(outcome: Result<Vec<u64>, SourceError>, now: &str) {
    let error = outcome.expect_err("rejected");
    let SourceError::LogReplaced { replaced, .. } = error else {
        panic!("{error}")
    };
    assert!(replaced.to_string().contains(now), "{replaced}");
}

#[tokio::test]
async fn a_dump_older_than_a_checkpoint_is_an_error() {
    let store = fresh_store().await;
    store.append(append("a", 3)).await.expect("appends");
    let dump = Dump::of(&store).await;
    let ahead = store.append(append("a", 2)).await.expect("appends");
    let ahead = ahead.position.expect("is committed");
    let checkpoint = end_of_log(&store).await;
    assert_eq!(checkpoint.offset.get(), ahead.get());

    let copy = dump.restore().await;
    let restored = &copy.store;
    is_replaced(read_on(restored, checkpoint, ahead).await, "now no event");
    let others = restored.append(append("b", 4)).await.expect("appends");
    let last = others.position.expect("is committed");
    assert!(last > ahead, "the position of the checkpoint is used again");
    is_replaced(read_on(restored, checkpoint, last).await, "now event");

    // A runner finds this error when its checkpoints are from a later dump than its log.
    restored.prepare_view(Diary::NAME).await.expect("prepares");
    let claim = claimed(restored, Diary::NAME, &LOG).await;
    let mut transaction = restored.begin().await.expect("begins");
    restored
        .advance_in(
            &mut transaction,
            Diary::NAME,
            &LOG,
            claim.epoch,
            claim.at,
            checkpoint,
        )
        .await
        .expect("advances");
    restored.commit(transaction).await.expect("commits");
    let runner = Runner::over_log(restored, Diary).expect("a view");
    let outcome = timeout(LONG_ENOUGH, runner.run(std::future::pending())).await;
    let error = outcome.expect("it stops").expect_err("stops");
    assert!(
        matches!(
            error.kind,
            RunnerErrorKind::Source(SourceError::LogReplaced { .. })
        ),
        "{error}"
    );
    assert_eq!(diary(restored).await, [0; 0]);

    let model = ReadModel::<Diary, _>::new(restored);
    model.reset("rebuild").await.expect("resets");
    keep_diary(restored, last).await;
    let all: Vec<u64> = rows(restored).await.into_keys().collect();
    assert_eq!(diary(restored).await, all);
    copy.remove().await;
}
