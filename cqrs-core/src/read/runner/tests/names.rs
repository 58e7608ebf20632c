//! Two runners of one name: one holds it, the other waits and is refused.

use super::*;
use crate::read::handler::role;

fn runner(store: &MemoryEventStore) -> impl Future<Output = Result<(), RunnerError>> + use<> {
    let runner = Runner::over_log::<role::View>(store, Sums).expect("a view");
    runner.run(std::future::pending())
}

#[tokio::test(start_paused = true)]
async fn a_second_runner_of_a_name_ends_with_an_error_that_names_the_first() {
    let store = filled(3).await;
    let first = tokio::spawn(runner(&store));
    caught_up(&store, 3).await;
    let log = PartitionId::Log(Slices::ALL);
    let error = runner(&store).await.expect_err("is refused");
    assert_eq!(
        chain(&error).to_string(),
        "subscription \"sums\" is held by another part of this process, for 0 s; stop that one first, or give this role a name \
         of its own"
    );
    let claim = store.claim(Sums::NAME, &log).await.expect("claims");
    assert_eq!(claim.epoch, 2, "the second has claimed nothing");

    first.abort();
    first.await.expect_err("is aborted");
    count(&store, 4..=4).await;
    let runner = Runner::over_log::<role::View>(&store, Sums).expect("a view");
    runner.catch_up().await.expect("the name is free");
    assert_eq!(sums(&store).await, [1, 2, 3, 4]);
}
