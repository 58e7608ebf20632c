//! One consumer group, two subscribers: the one that joins later ends, and names the other one.

use cqrs_core::{
    DocumentKeys, Envelope, Event, MemoryEventStore, Runner, View, chain,
    model::KeyRange,
    ports::{Documents, SourceError},
    read::{RunnerError, RunnerErrorKind},
    role,
    run_loop::Progress,
};
use cqrs_kafka::{KafkaError, KafkaGroup};
use cqrs_postgres::PgEventStore;
use cqrs_tests::{
    domain::{CounterEvent, Counts, count, counts_in_order},
    servers::{MAX_WAIT, create_topics, eventually, fresh_name, kafka, store},
};
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::support::publish_all;

/// The number of counts, under another name.
struct Totals;

impl View for Totals {
    const NAME: &'static str = "totals";
    type Events = CounterEvent;
    type Document = u64;

    fn keys(&self, _: &Envelope<CounterEvent>) -> DocumentKeys {
        "all".into()
    }

    fn apply(&self, _: &str, total: Option<u64>, _: &Envelope<CounterEvent>) -> Option<u64> {
        Some(total.unwrap_or_default() + 1)
    }
}

/// A runner in a task.
struct Running {
    stop: oneshot::Sender<()>,
    progress: Progress,
    task: JoinHandle<Result<(), RunnerError>>,
}

macro_rules! start {
    ($store:expr, $view:expr, $group:expr) => {{
        let runner = Runner::over::<role::View>($store, $view, $group.source()).expect("a view");
        let progress = runner.progress();
        let (stop, stopped) = oneshot::channel();
        let run = runner.run(async { drop(stopped.await) });
        Running {
            stop,
            progress,
            task: tokio::spawn(run),
        }
    }};
}

impl Running {
    fn has_partitions(&self, count: usize) -> bool {
        self.progress.partitions().len() == count
    }

    async fn stop(self) {
        self.stop.send(()).expect("it runs");
        self.task.await.expect("no panic").expect("stops");
    }

    /// The client id of the other member, after the end of the runner.
    async fn refused(self) -> String {
        let ended = timeout(MAX_WAIT, self.task).await;
        refused(ended.expect("ends in time").expect("no panic"))
    }
}

/// The client id of the other member.
fn refused(ended: Result<(), RunnerError>) -> String {
    let error = ended.expect_err("the group has another subscriber");
    let text = chain(&error).to_string();
    let RunnerErrorKind::Source(SourceError::Fatal(cause)) = error.kind else {
        panic!("{text}");
    };
    match cause.downcast_ref() {
        Some(KafkaError::GroupShared { other, host, .. }) => {
            assert!(text.contains(host) && host.contains("127.0.0.1"), "{text}");
            other.clone()
        }
        _ => panic!("{text}"),
    }
}

/// A topic with 60 events in 3 partitions, and a group for it.
async fn topic(name: &str) -> (PgEventStore, KafkaGroup) {
    let producer = store(name).await;
    let kafka = kafka(name);
    create_topics(&kafka).await;
    count(&producer, 60).await;
    publish_all(&producer, &kafka).await.expect("publishes");
    let group = KafkaGroup::new(&kafka, "shared").categories([CounterEvent::CATEGORY]);
    (producer, group)
}

async fn has_handled_all(store: &PgEventStore) {
    eventually("all events are handled", || async {
        counts_in_order(store).await == 60
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_subscription_may_not_join_the_group() {
    let (store, group) = topic(&fresh_name()).await;
    let first = start!(&store, Counts, group.clone());
    has_handled_all(&store).await;
    let second = start!(&store, Totals, group.clone());
    let other = second.refused().await;
    assert!(other.contains(":counts@"), "{other}");
    assert!(first.has_partitions(3), "the first one goes on");
    first.stop().await;

    // The group keeps nothing of a subscription.
    let alone = start!(&store, Totals, group);
    eventually("the other subscription reads", || async {
        alone.has_partitions(3)
    })
    .await;
    alone.stop().await;
}

/// Neither is a member when the other looks at the group before it joins.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_start_at_once_one_ends_without_an_event() {
    let (_, group) = topic(&fresh_name()).await;
    let store = MemoryEventStore::default();
    let mut counts = start!(&store, Counts, group.clone());
    let mut totals = start!(&store, Totals, group);
    let (ended, view) = tokio::select! {
        ended = &mut counts.task => (ended, Counts::NAME),
        ended = &mut totals.task => (ended, Totals::NAME),
        () = sleep(MAX_WAIT) => panic!("both go on"),
    };
    refused(ended.expect("no panic"));
    let documents = store
        .documents(view, &KeyRange::all(), 10)
        .await
        .expect("reads");
    assert_eq!(documents, Vec::new(), "{view} has handled events");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_store_may_not_join_the_group() {
    let (store, group) = topic(&fresh_name()).await;
    let first = start!(&store, Counts, group.clone().instance_id("one"));
    has_handled_all(&store).await;
    let copy = MemoryEventStore::default();
    let second = start!(&copy, Counts, group.instance_id("one"));
    let other = second.refused().await;
    assert!(other.contains(":counts@"), "{other}");
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_of_one_subscription_share_the_group() {
    let name = fresh_name();
    let (producer, group) = topic(&name).await;
    let first = start!(&producer, Counts, group.clone().instance_id("one"));
    has_handled_all(&producer).await;
    let same = store(&name).await;
    let second = start!(&same, Counts, group.instance_id("two"));
    eventually("the second one gets partitions, too", || async {
        !second.has_partitions(0)
    })
    .await;
    first.stop().await;
    second.stop().await;
}
