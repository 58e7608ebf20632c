//! The publisher: from a store to a topic.

use std::{collections::HashMap, time::Duration};

use cqrs_core::{
    EventStore, Position, chain,
    model::{Limits, LogId, LogIdentity},
    ports::{LogQuery, Publication, PublishError, Publisher, PublisherSession},
    relay::RelayErrorKind,
};
use cqrs_kafka::{KafkaConfig, KafkaPublisher};

use crate::fixture::{Fixture, Topic};

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_published_once_across_a_restart() {
    let fixture = Fixture::new(4, 2);
    fixture.place(50, 5, "").await;
    fixture.relay(2, 250).await;
    fixture.place(50, 3, "").await;
    fixture.relay(2, 400).await;

    let mut topic = Topic::open(&fixture.config, "order");
    topic.read(400);
    assert_eq!(topic.events.len(), 400);
    let mut versions: HashMap<String, u64> = HashMap::new();
    for event in &topic.events {
        let version = versions.entry(event.stream.id().to_owned()).or_default();
        *version += 1;
        assert_eq!(event.version.get(), *version, "{event}");
    }
    let query = LogQuery::new(Position::START, 1_000);
    let log = fixture.store.read_log(query).await.expect("memory").events;
    topic.events.sort_by_key(|event| event.position);
    for (mut published, stored) in topic.events.into_iter().zip(log) {
        assert!(published.lane.take().is_some());
        assert!(published.offset.take().is_some());
        // A record holds microseconds.
        published.recorded_at = stored.recorded_at;
        assert_eq!(published, stored);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_number_of_shards_is_rejected() {
    let fixture = Fixture::new(1, 4);
    let publisher = KafkaPublisher::new(&fixture.config);
    let sessions = publisher
        .open(&fixture.publication("relay", 2).await)
        .await
        .expect("opens");
    assert_eq!(
        sessions
            .iter()
            .map(PublisherSession::shard)
            .collect::<Vec<_>>(),
        [0, 1]
    );
    let error = publisher
        .open(&fixture.publication("relay", 3).await)
        .await
        .expect_err("another layout");
    assert!(matches!(error, PublishError::Misconfigured(_)), "{error:?}");
    let words = chain(&error).to_string();
    assert!(
        words.contains("with 3 shards, but has published with 2 so far"),
        "{words}"
    );
    let error = publisher
        .open(&fixture.publication("relay", 5).await)
        .await
        .expect_err("too few partitions");
    let words = chain(&error).to_string();
    assert!(
        words.contains("has 4 partitions, fewer than the 5 shards"),
        "{words}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_too_large_is_named_in_the_error() {
    let fixture = Fixture::new(1, 1);
    // All handles share the limits.
    let larger = Limits::default().payload_bytes(2_000_000);
    let _ = fixture.store.clone().limits(larger);
    fixture.place(2, 1, &"x".repeat(1_100_000)).await;
    let (_stop, running) = fixture.start_relay(1);
    let ended = running.await.expect("no panic").expect_err("rejected");
    let RelayErrorKind::Publish(PublishError::Rejected { event, reason }) = &ended.kind else {
        panic!("{ended:?}")
    };
    let reason = reason.to_string();
    assert_eq!(event, "order-0@1 (Placed), position 1");
    assert!(
        reason.contains("is too large (message.max.bytes of this producer: 1000000)"),
        "{reason}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_and_the_next_one_know_the_published_position() {
    let fixture = Fixture::new(1, 1);
    fixture.place(3, 1, "").await;
    let query = LogQuery::new(Position::START, 10);
    let page = fixture.store.read_log(query).await.expect("memory");
    let upto = page.upto.expect("there are events");
    let publisher = KafkaPublisher::new(&fixture.config);
    let session = publisher
        .open(&fixture.publication("relay", 1).await)
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
    let session = publisher
        .reopen(&fixture.publication("relay", 1).await, 0)
        .await
        .expect("opens");
    assert_eq!(session.published(), Some(upto));
}

#[tokio::test]
async fn a_broker_that_does_not_respond_is_an_error_in_time() {
    let log = LogIdentity::new("here", LogId::random());
    let config = KafkaConfig::new("127.0.0.1:9").response_timeout(Duration::from_millis(300));
    let error = KafkaPublisher::new(&config)
        .open(&Publication::new("relay", 1, log))
        .await
        .expect_err("no broker");
    assert!(
        matches!(error, PublishError::Unavailable { .. }),
        "{error:?}"
    );
    let words = chain(&error).to_string();
    assert!(
        words.contains("no broker of \"127.0.0.1:9\" responded within 300ms"),
        "{words}"
    );
}

#[tokio::test]
async fn a_missing_progress_topic_is_named() {
    let fixture = Fixture::new(1, 1);
    let publisher = KafkaPublisher::new(&fixture.config);
    let error = publisher
        .open(&fixture.publication("other", 1).await)
        .await
        .expect_err("no such topic");
    let words = chain(&error).to_string();
    assert!(
        words.contains("topic \"shop.other.progress\" does not exist"),
        "{words}"
    );
}
