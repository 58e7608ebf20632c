//! A runner that catches up ends after the last event, even if transactions are open or were rolled back.

use std::time::Duration;

use cqrs_core::{EventStore, ReadModel, Runner, ports::UnitOfWork};
use tokio::time::timeout;

use crate::{
    dump::readers::{Diary, diary},
    support::{append, fresh_store, open_append},
};

const LONG_ENOUGH: Duration = Duration::from_secs(30);

#[tokio::test]
async fn catching_up_ends_before_positions_that_were_rolled_back() {
    let store = fresh_store().await;
    store.append(append("a", 3)).await.expect("appends");
    for _ in 0..3 {
        let undone = open_append(&store, "b").await;
        store.rollback(undone).await.expect("rolls back");
    }
    let runner = Runner::over_log(&store, Diary).expect("a view");
    let ended = timeout(LONG_ENOUGH, runner.catch_up()).await;
    ended.expect("ends").expect("catches up");
    assert_eq!(diary(&store).await.len(), 3);
}

#[tokio::test]
async fn catching_up_waits_for_what_an_open_append_holds_back() {
    let store = fresh_store().await;
    let open = open_append(&store, "late").await;
    let early = store.append(append("early", 1)).await.expect("appends");
    let runner = Runner::over_log(&store, Diary).expect("a view");
    let mut catching_up = tokio::spawn(runner.catch_up());
    let ended = timeout(Duration::from_millis(500), &mut catching_up).await;
    assert!(ended.is_err(), "the committed event cannot be read yet");
    store.commit(open).await.expect("commits");
    let ended = timeout(LONG_ENOUGH, catching_up).await.expect("ends");
    ended.expect("no panic").expect("catches up");
    assert_eq!(diary(&store).await.len(), 2);
    let diary = ReadModel::<Diary, _>::new(&store);
    let last = early.position.expect("is committed");
    let waited = timeout(LONG_ENOUGH, diary.wait_for(last)).await;
    waited.expect("was handled").expect("reads");
}

#[tokio::test]
async fn catching_up_with_an_empty_log_ends_at_once() {
    let store = fresh_store().await;
    let runner = Runner::over_log(&store, Diary).expect("a view");
    let ended = timeout(LONG_ENOUGH, runner.catch_up()).await;
    ended.expect("ends").expect("catches up");
}
