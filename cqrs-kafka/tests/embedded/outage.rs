//! The broker goes down and comes back up.

use std::time::Duration;

use cqrs_core::MemoryEventStore;
use cqrs_kafka::KafkaConfig;
use rdkafka::mocking::MockCluster;

use crate::{
    consumer::{consume, stop},
    fixture::{Count, Fixture, counted, counts, eventually},
};

#[tokio::test(flavor = "multi_thread")]
async fn relay_and_consumer_survive_an_outage_without_loss_or_repeat() {
    let cluster = MockCluster::new(1).expect("a port is free");
    let config = KafkaConfig::new(cluster.bootstrap_servers())
        .topic_prefix("shop")
        .response_timeout(Duration::from_secs(1))
        .set("transaction.timeout.ms", "2000");
    for topic in ["shop.order", "shop.relay.progress"] {
        cluster.create_topic(topic, 1, 1).expect("it is new");
    }
    let fixture = Fixture::at(config);
    let store = MemoryEventStore::default();
    fixture.place(20, 10, "").await;
    let relay = fixture.start_relay(1);
    let consumer = consume(&fixture, &store, 0).await;
    eventually("it has begun", || async { counted(&store).await > 0 }).await;

    cluster.broker_down(1).expect("it stops");
    fixture.place(20, 10, "").await;
    // Longer than the transaction time-out, so the relay must open its shard again.
    tokio::time::sleep(Duration::from_secs(6)).await;
    cluster.broker_up(1).expect("it starts");

    eventually("all is counted", || async { counted(&store).await >= 400 }).await;
    relay.0.send(()).expect("it is running");
    relay.1.await.expect("no panic").expect("no error");
    stop(consumer).await;
    let each = Count {
        events: 20,
        in_order: true,
    };
    assert_eq!(counts(&store).await, vec![each; 20]);
}
