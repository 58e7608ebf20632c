//! Processes that share a subscription over the log, while they are killed and stopped and the number of partitions changes.

use std::collections::{BTreeMap, VecDeque};

use cqrs_core::ports::{Control, Partitions};
use cqrs_postgres::PgEventStore;
use cqrs_tests::{
    child::{ChildProcess, Job},
    domain::{count, counts_in_order},
    processes::{PROCESSES, Processes, handled_and_expected, proceed},
    servers::{eventually, fresh_name, store},
};

use crate::support::{job, start_child};

/// The subscription of the view.
const NAME: &str = "counts";

/// A process that follows the log, and never parks.
fn start(role: &str, name: &str) -> ChildProcess {
    start_child(&Job {
        nth: 0,
        batch_size: 5,
        ..job(role, name)
    })
}

/// How many partitions a process has, as the store knows it.
async fn owned_by(store: &PgEventStore, subscription: &str, process: &ChildProcess) -> usize {
    let own = format!("process {} on ", process.pid());
    let partitions = store.partitions(subscription).await.expect("reads");
    let owners = partitions.iter().filter_map(|of| of.owner.as_deref());
    owners.filter(|owner| owner.starts_with(&own)).count()
}

async fn all_handled(store: &PgEventStore, events: u64) {
    eventually("every event is handled once, and in order", || async {
        counts_in_order(store).await == events
    })
    .await;
}

/// The first process has everything; the second gets its share; it takes over what the first had when that is killed.
#[tokio::test(flavor = "multi_thread")]
async fn processes_share_the_work_and_take_over_from_each_other() {
    let name = fresh_name();
    let store = store(&name).await;
    store.subscribe(NAME, 4).await.expect("subscribes");
    count(&store, 40).await;
    let first = start("view", &name);
    all_handled(&store, 40).await;
    assert_eq!(owned_by(&store, NAME, &first).await, 4);
    let second = start("view", &name);
    eventually("the second one gets its share", || async {
        owned_by(&store, NAME, &first).await == 2 && owned_by(&store, NAME, &second).await == 2
    })
    .await;
    count(&store, 40).await;
    all_handled(&store, 80).await;
    first.kill().await;
    eventually("the second one takes over", || async {
        owned_by(&store, NAME, &second).await == 4
    })
    .await;
    count(&store, 40).await;
    all_handled(&store, 120).await;
    second.kill().await;
}

/// Each round one process is stopped until it has lost its partitions, one is killed, and the number of partitions changes. The one that
/// wakes goes on beside the others.
async fn chaos(store: &PgEventStore, role: &str, subscription: &str, name: &str) {
    let mut processes = VecDeque::from_iter((0..3).map(|_| start(role, name)));
    for partitions in [2, 7, 1, 4] {
        let stopped = processes.pop_front().expect("three");
        stopped.signal("-STOP").await;
        let killed = processes.pop_front().expect("two more");
        killed.kill().await;
        processes.push_back(start(role, name));
        eventually("others have the partitions of the stopped one", || async {
            let partitions = store.partitions(subscription).await.expect("reads");
            owned_by(store, subscription, &stopped).await == 0
                && partitions.iter().all(|of| of.owner.is_some())
        })
        .await;
        eventually("the number changes", || async {
            // Before the first start of each partition their selections differ, and a batch may be in the way.
            let made = store.repartition(subscription, partitions, "a test").await;
            made.is_ok()
        })
        .await;
        stopped.signal("-CONT").await;
        processes.push_back(stopped);
    }
    eventually("every partition has an owner", || async {
        let partitions = store.partitions(subscription).await.expect("reads");
        partitions.iter().all(|of| of.owner.is_some())
    })
    .await;
    for process in processes.into_iter().skip(1) {
        process.kill().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_when_processes_are_killed_and_stopped() {
    let name = fresh_name();
    let store = store(&name).await;
    store.subscribe(NAME, 4).await.expect("subscribes");
    tokio::join!(chaos(&store, "view", NAME, &name), count(&store, 1_500));
    let last = start("view", &name);
    count(&store, 20).await;
    all_handled(&store, 1_520).await;
    let slices = store.progress_by_slice(NAME).await.expect("reads");
    assert_eq!(slices.len(), 1_024);
    last.kill().await;
}

/// The events of a process are of two categories, and its key decides the partition.
#[tokio::test(flavor = "multi_thread")]
async fn each_process_is_in_order_when_runners_are_killed_and_stopped() {
    let name = fresh_name();
    let store = store(&name).await;
    let subscription = Processes::NAME;
    store.subscribe(subscription, 4).await.expect("subscribes");
    tokio::join!(
        chaos(&store, "processes", subscription, &name),
        proceed(&store, 5 * PROCESSES)
    );
    let last = start("processes", &name);
    eventually("every event is handled", || async {
        let [handled, expected] = handled_and_expected(&store).await;
        let count = |of: &BTreeMap<String, Vec<u64>>| of.values().map(Vec::len).sum::<usize>();
        count(&handled) >= count(&expected)
    })
    .await;
    let [handled, expected] = handled_and_expected(&store).await;
    assert_eq!(handled, expected);
    last.kill().await;
}
