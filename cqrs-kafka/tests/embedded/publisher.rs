//! From a store to a topic.

use std::{collections::HashMap, time::Duration};

use cqrs_core::{
    EventStore, LogQuery, Position, PublishError, Publisher, PublisherSession, RelayError, Slices,
};
use cqrs_kafka::{KafkaConfig, KafkaPublisher};

use crate::world::{Topic, World};

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_published_once_and_a_restart_goes_on_behind_the_last() {
    let world = World::new(4, 2);
    world.place(50, 5, "").await;
    world.relay(2, 250).await;
    world.place(50, 3, "").await;
    world.relay(2, 400).await;

    let mut topic = Topic::open(&world.config, "order");
    topic.read(400);
    assert_eq!(topic.events.len(), 400);
    let mut versions: HashMap<String, u64> = HashMap::new();
    for event in &topic.events {
        let version = versions.entry(event.stream.id().to_owned()).or_default();
        *version += 1;
        assert_eq!(event.version.get(), *version, "{event}");
    }
    let query = LogQuery {
        after: Position::START,
        reads: &[],
        slices: Slices::ALL,
        limit: 1_000,
    };
    let log = world.store.read_log(query).await.expect("memory").events;
    topic.events.sort_by_key(|event| event.position);
    for (mut published, stored) in topic.events.into_iter().zip(log) {
        assert!(published.lane.take().is_some());
        // The wire holds microseconds.
        published.recorded_at = stored.recorded_at;
        assert_eq!(published, stored);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_number_of_shards_is_refused() {
    let world = World::new(1, 4);
    let publisher = KafkaPublisher::new(world.config.clone());
    let sessions = publisher.open("relay", 2).await.expect("opens");
    assert_eq!(
        sessions
            .iter()
            .map(PublisherSession::shard)
            .collect::<Vec<_>>(),
        [0, 1]
    );
    let refused = publisher
        .open("relay", 3)
        .await
        .expect_err("another layout");
    let PublishError::Misconfigured(words) = &refused else {
        panic!("{refused:?}")
    };
    assert!(
        words.contains("with 3 shards, but has published with 2 so far"),
        "{words}"
    );
    let refused = publisher
        .open("relay", 5)
        .await
        .expect_err("too few partitions");
    assert!(
        refused
            .to_string()
            .contains("has 4 partitions, fewer than the 5 shards"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_too_large_is_named_and_nothing_of_its_batch_is_published() {
    let world = World::new(1, 1);
    world.place(2, 1, &"x".repeat(1_100_000)).await;
    let (_stop, running) = world.start_relay(1);
    let ended = running.await.expect("no panic").expect_err("refused");
    let RelayError::Publish { error, .. } = &ended else {
        panic!("{ended:?}")
    };
    let PublishError::Refused { event, reason } = error else {
        panic!("{error:?}")
    };
    assert_eq!(event, "order-0@1 (Placed), position 1");
    assert!(
        reason.contains("larger than Kafka takes (message.max.bytes of this producer: 1000000)"),
        "{reason}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_knows_where_it_stands_and_so_does_the_next() {
    let world = World::new(1, 1);
    world.place(3, 1, "").await;
    let query = LogQuery {
        after: Position::START,
        reads: &[],
        slices: Slices::ALL,
        limit: 10,
    };
    let page = world.store.read_log(query).await.expect("memory");
    let upto = page.upto.expect("there are events");
    let publisher = KafkaPublisher::new(world.config.clone());
    let session = publisher
        .open("relay", 1)
        .await
        .expect("opens")
        .pop()
        .expect("one shard");
    assert_eq!(session.published(), None);
    let session = session
        .publish(&page.events, upto)
        .await
        .expect("publishes");
    assert_eq!(session.published(), Some(upto));
    drop(session);
    let session = publisher.reopen("relay", 0).await.expect("opens");
    assert_eq!(session.published(), Some(upto));
}

#[tokio::test]
async fn a_broker_that_does_not_answer_is_an_error_within_the_patience() {
    let config = KafkaConfig::new("127.0.0.1:9").patience(Duration::from_millis(300));
    let error = KafkaPublisher::new(config)
        .open("relay", 1)
        .await
        .expect_err("nobody there");
    assert!(
        matches!(error, PublishError::Unavailable { .. }),
        "{error:?}"
    );
    let words = error.to_string();
    assert!(
        words.contains("no broker of \"127.0.0.1:9\" answered within 300ms"),
        "{words}"
    );
}

#[tokio::test]
async fn a_missing_progress_topic_is_named() {
    let world = World::new(1, 1);
    let publisher = KafkaPublisher::new(world.config.clone());
    let error = publisher.open("other", 1).await.expect_err("no such topic");
    assert!(
        error
            .to_string()
            .contains("topic \"shop.other.progress\" does not exist"),
        "{error}"
    );
}
