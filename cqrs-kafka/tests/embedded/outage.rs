//! The broker goes down and comes back up.

use std::time::Duration;

use cqrs_core::{MemoryEventStore, Relay, Runner, Service, run_loop::Phase};
use cqrs_kafka::{KafkaConfig, KafkaGroup, KafkaPublisher};
use rdkafka::mocking::MockCluster;
use tokio::sync::oneshot;

use crate::{
    consumer::{consume, stop},
    fixture::{Count, Counts, Fixture, counted, counts, eventually},
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
    eventually("it is counting", || async { counted(&store).await > 0 }).await;

    cluster.broker_down(1).expect("it stops");
    fixture.place(20, 10, "").await;
    // Longer than the transaction time-out, so the relay must open its shard again.
    tokio::time::sleep(Duration::from_secs(6)).await;
    cluster.broker_up(1).expect("it starts");

    eventually("all events are counted", || async {
        counted(&store).await >= 400
    })
    .await;
    relay.0.send(()).expect("it is running");
    relay.1.await.expect("no panic").expect("no error");
    stop(consumer).await;
    let each = Count {
        events: 20,
        in_order: true,
    };
    assert_eq!(counts(&store).await, vec![each; 20]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_starts_without_its_broker_waits_for_it() {
    let cluster = MockCluster::new(1).expect("a port is free");
    let brokers = cluster.bootstrap_servers();
    let config = KafkaConfig::new(&brokers)
        .topic_prefix("shop")
        .response_timeout(Duration::from_secs(1));
    for topic in ["shop.order", "shop.relay.progress"] {
        cluster.create_topic(topic, 1, 1).expect("it is new");
    }
    cluster.broker_down(1).expect("it stops");
    let fixture = Fixture::at(config);
    let store = MemoryEventStore::default();
    fixture.place(20, 10, "").await;

    let group = KafkaGroup::new(&fixture.config, "counts").categories(["order"]);
    let publisher = KafkaPublisher::new(&fixture.config);
    let service = Service::new()
        .with(Relay::new(&fixture.store, "relay", publisher))
        .with(Runner::over(&store, Counts, group.source()).expect("a view"));
    let progress = service.progress();
    let (stop, stopped) = oneshot::channel::<()>();
    let service = tokio::spawn(service.run_until(async { drop(stopped.await) }));
    for (part, mut progress) in progress.clone() {
        let failed = |phase: &Phase| matches!(phase, Phase::Retrying { attempts: 2.., .. });
        let phase = progress.until(failed).await;
        assert!(!phase.has_ended(), "{part}: {phase:?}");
        let error = progress.last_error().expect("it has failed");
        assert!(error.contains(&brokers), "{part}: {error}");
    }
    cluster.broker_up(1).expect("it starts");
    eventually("all events are counted", || async {
        counted(&store).await >= 200
    })
    .await;
    stop.send(()).expect("it is running");
    let outcome = service.await.expect("no panic");
    outcome.expect("every part stops");
    for (part, progress) in progress {
        assert_eq!(progress.phase(), Phase::Stopped, "{part}");
    }
}
