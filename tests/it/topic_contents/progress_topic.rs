//! The progress topic of a relay.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_progress_topic_may_hold_records_of_others() {
    LazyLock::force(&COUNTERS);
    let config = kafka(&fresh_name());
    let progress = config.progress_topic("relay");
    let topics = KafkaTopics::new(&config).partitions(1);
    topics
        .create_for_categories(["note"])
        .await
        .expect("creates");
    topics.create_for_relay("relay", 1).await.expect("creates");
    let store = MemoryEventStore::default();
    // Until it has read the whole log.
    let relay = async || {
        let publisher = KafkaPublisher::new(&config);
        let relay = Relay::new(&store, "relay", publisher);
        let mut progress = relay.progress();
        let caught_up = async move {
            progress.until(|phase| *phase == Phase::CaughtUp).await;
        };
        let ended = tokio::time::timeout(MAX_WAIT, relay.run(caught_up)).await;
        ended
            .expect("ends in time")
            .map_err(|error| chain(&error).to_string())
    };
    let put = async |key: &'static str, value: &str| {
        let record = Record {
            key: Some(key),
            ..Record::default().value(Some(value.as_bytes()))
        };
        send(&config, &progress, Sent::Plainly, vec![record]).await;
    };

    put("shard-0", "hello").await;
    assert_eq!(relay().await, Ok(()));
    assert_eq!(counted("cqrs.relay.foreign_records", &progress), 1);

    append(&store, "relay.progress").await;
    let error = relay().await.expect_err("rejected");
    assert!(
        error.contains("\"relay.progress\"") && error.contains("rename"),
        "{error}"
    );

    put("layout", r#"{"layout":{"shards":65535}}"#).await;
    let error = relay().await.expect_err("rejected");
    assert!(
        error.contains(&progress) && error.contains("65535"),
        "{error}"
    );
    let place = format!("topic {progress:?}, partition 0, offset ");
    assert!(error.contains(&place), "{error}");
}

/// A log is compared at the event of the position. Without one a relay would wait behind the end, and publish nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_position_beyond_the_log_stops_a_relay() {
    let config = kafka(&fresh_name());
    let topics = KafkaTopics::new(&config).partitions(1);
    topics
        .create_for_categories(["note"])
        .await
        .expect("creates");
    let store = MemoryEventStore::default();
    append(&store, "note").await;
    let position =
        |event: &str| format!(r#"{{"position":{{"offset":5000,"event_id":{event},"count":1}}}}"#);
    let id = format!("\"{}\"", EventId::random());
    let bad = format!(r#"{{"position":"{}"}}"#, "x".repeat(100_000));
    for (name, value, said) in [
        ("one", position(&id), "the log was replaced"),
        ("two", position("null"), "position 5000 has no event id"),
        ("three", bad, "more bytes"),
    ] {
        topics.create_for_relay(name, 1).await.expect("creates");
        let progress = config.progress_topic(name);
        let record = Record {
            key: Some("position"),
            ..Record::default().value(Some(value.as_bytes()))
        };
        send(&config, &progress, Sent::Plainly, vec![record]).await;
        let relay = Relay::new(&store, name, KafkaPublisher::new(&config));
        let ended = tokio::time::timeout(MAX_WAIT, relay.run(std::future::pending())).await;
        let error = ended.expect("ends").expect_err("is refused");
        let text = chain(&error).to_string();
        assert!(
            text.contains(said) && text.contains("Relay::recover"),
            "{text}"
        );
        assert!(text.len() < 4_096, "{}", text.len());
    }
}

async fn append(store: &MemoryEventStore, category: &str) {
    let stream = StreamId::new(Category::new(category).expect("valid"), "a").expect("valid");
    let new = NewEvent::encode(&NoteEvent::Erased, cqrs_core::Metadata::default());
    let append = Append::new(stream, ExpectedVersion::Any, vec![new.expect("encodes")]);
    store.append(append).await.expect("appends");
}
