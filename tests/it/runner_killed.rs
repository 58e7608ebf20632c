//! A runner that is killed or paused between its handler and its commit.

use cqrs_tests::{
    child::Job,
    domain::{count, counts_in_order},
    servers::{eventually, fresh_name, store},
};

use crate::support::{catch_up_view, job, start_child};

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_killed_before_its_commit_handles_once() {
    let name = fresh_name();
    let store = store(&name).await;
    count(&store, 100).await;
    let mut runner = start_child(&Job {
        nth: 3,
        ..job("view", &name)
    });
    runner.parked().await;
    assert_eq!(
        counts_in_order(&store).await,
        40,
        "two batches are committed, the third is not"
    );
    runner.kill().await;
    catch_up_view(&store).await;
    assert_eq!(counts_in_order(&store).await, 100);
}

/// A runner is stopped just before a commit, for longer than its lease, until another one takes over. When it resumes, the server has ended its
/// transaction. It must notice that, claim again and continue.
#[tokio::test(flavor = "multi_thread")]
async fn a_fenced_runner_commits_nothing_and_continues() {
    let name = fresh_name();
    let store = store(&name).await;
    count(&store, 100).await;
    let mut stale = start_child(&Job {
        nth: 2,
        ..job("view", &name)
    });
    stale.parked().await;
    stale.signal("-STOP").await;
    catch_up_view(&store).await;
    assert_eq!(counts_in_order(&store).await, 100);
    stale.signal("-CONT").await;
    stale.resume().await;
    count(&store, 20).await;
    eventually("the stale runner handles new events", || async {
        counts_in_order(&store).await == 120
    })
    .await;
    stale.kill().await;
}
