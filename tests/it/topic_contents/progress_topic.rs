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
    assert_eq!(counted("cqrs_foreign_progress_records", &progress), 1);

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

async fn append(store: &MemoryEventStore, category: &str) {
    let stream = StreamId::new(Category::new(category).expect("valid"), "a").expect("valid");
    let new = NewEvent::encode(&NoteEvent::Erased, cqrs_core::Metadata::default());
    let append = Append::new(stream, ExpectedVersion::Any, vec![new.expect("encodes")]);
    store.append(append).await.expect("appends");
}
