//! A runner killed between its handler and its commit.

use cqrs_tests::{
    domain::{count, counts_in_order},
    servers::{eventually, fresh_name, store},
    victim::Job,
};

use crate::support::{job, victim, view_all};

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_killed_between_handler_and_commit_repeats_and_loses_nothing() {
    let name = fresh_name();
    let store = store(&name).await;
    count(&store, 100).await;
    let mut runner = victim(&Job {
        nth: 3,
        ..job("view", &name)
    });
    runner.parked().await;
    assert_eq!(
        counts_in_order(&store).await,
        40,
        "two batches are through, the third is invisible"
    );
    runner.kill().await;
    view_all(&store).await;
    assert_eq!(counts_in_order(&store).await, 100);
}

/// A runner is stopped in the middle of a batch, long enough to be overtaken, and wakes up with its work done and its commit
/// at hand. The server has ended its transaction by then; it must notice, claim again and go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_was_overtaken_commits_nothing_of_its_batch_and_goes_on() {
    let name = fresh_name();
    let store = store(&name).await;
    count(&store, 100).await;
    let mut stale = victim(&Job {
        nth: 2,
        ..job("view", &name)
    });
    stale.parked().await;
    view_all(&store).await;
    assert_eq!(counts_in_order(&store).await, 100);
    stale.go_on().await;
    count(&store, 20).await;
    eventually("the stale runner handles what is new", || async {
        counts_in_order(&store).await == 120
    })
    .await;
    stale.kill().await;
}
