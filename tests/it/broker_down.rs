//! A broker that is paused or killed during a commit. Each test has its own broker.

use cqrs_kafka::KafkaConfig;
use cqrs_tests::{
    broker::Broker,
    child::Job,
    domain::count,
    servers::{create_topics, eventually, fresh_name, read_committed, store},
};

use crate::support::{assert_seen_once_and_in_order, job, publish_all, relay, start_child_on};

/// The relay dies after it sent the commit and before the reply. The broker may or may not have committed; the next relay
/// finds out.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_killed_during_its_commit_publishes_once() {
    let broker = Broker::start();
    let name = fresh_name();
    let (store, kafka) = (
        store(&name).await,
        KafkaConfig::new(broker.address()).topic_prefix(&name),
    );
    create_topics(&kafka).await;
    count(&store, 50).await;
    let park_at = "records delivered".to_owned();
    let mut relay = start_child_on(
        &Job {
            park_at,
            nth: 2,
            ..job("relay", &name)
        },
        broker.address(),
    );
    relay.parked().await;
    broker.pause();
    assert!(!broker.has_unread_requests());
    relay.resume().await;
    eventually("the commit is sent", || async {
        broker.has_unread_requests()
    })
    .await;
    relay.kill().await;
    broker.resume();
    publish_all(&store, &kafka).await.expect("publishes");
    assert_seen_once_and_in_order(&store, &kafka).await;
}

/// The broker dies while a relay publishes and comes back; the relay continues by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_survives_a_restart_of_its_broker() {
    let mut broker = Broker::start();
    let name = fresh_name();
    let (store, kafka) = (
        store(&name).await,
        KafkaConfig::new(broker.address()).topic_prefix(&name),
    );
    create_topics(&kafka).await;
    count(&store, 20).await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn({
        let relay = relay(&store, &kafka).batch_size(7);
        async move { relay.run(async { drop(stopped.await) }).await }
    });
    let seen = async || {
        read_committed(kafka.brokers(), &kafka.topic("counter"))
            .await
            .len()
    };
    eventually("the relay publishes", || async { seen().await == 20 }).await;
    broker.kill();
    count(&store, 20).await;
    broker.up();
    eventually("the relay continues", || async { seen().await >= 40 }).await;
    stop.send(()).expect("the relay still runs");
    running.await.expect("no panic").expect("stops when asked");
    assert_seen_once_and_in_order(&store, &kafka).await;
}
