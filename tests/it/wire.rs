//! The wire format for other languages: CloudEvents headers, the stored payload, the aggregate's id as the key.

use cqrs_core::{
    EventStore, ExpectedVersion, Metadata, StreamId,
    model::{Category, Headers, NewEvent},
    ports::Append,
};
use cqrs_tests::{
    domain::{CounterEvent, log},
    servers::{create_topics, fresh_name, kafka, read_committed, store},
};

use crate::support::publish_all;

#[tokio::test(flavor = "multi_thread")]
async fn apaches_own_client_reads_cloud_events() {
    let name = fresh_name();
    let store = store(&name).await;
    let kafka = kafka(&name);
    create_topics(&kafka).await;
    let metadata = Metadata::new(
        Some("visit 9".to_owned()),
        Some(cqrs_core::EventId::random()),
        Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        Headers::default(),
    );
    let event = CounterEvent::Counted {
        to: 1,
        text: "schwer \"ü\"".to_owned(),
    };
    let event = NewEvent::encode(&event, metadata.clone()).expect("encodes");
    let stream = StreamId::new(Category::new("counter").expect("valid"), "c 1/ä").expect("valid");
    let append = Append::new(stream, ExpectedVersion::NoStream, vec![event.clone()]);
    store.append(append).await.expect("appends");
    publish_all(&store, &kafka).await.expect("publishes");

    let seen = read_committed(kafka.brokers(), &kafka.topic("counter"))
        .await
        .remove(0);
    let recorded = log(&store).await.remove(0);
    assert_eq!(
        (seen.key.as_str(), seen.value.as_bytes()),
        ("c 1/ä", &*event.payload)
    );
    for (header, value) in [
        ("content-type", "application/json".to_owned()),
        ("ce_specversion", "1.0".to_owned()),
        ("ce_id", event.id.to_string()),
        ("ce_source", format!("/{name}/counter")),
        ("ce_type", "counter.Counted".to_owned()),
        ("ce_subject", "c 1/ä".to_owned()),
        ("ce_version", "1".to_owned()),
        ("ce_position", recorded.position.to_string()),
        ("ce_correlationid", "visit 9".to_owned()),
        (
            "ce_causationid",
            metadata.causation_id.expect("set above").to_string(),
        ),
        ("traceparent", metadata.traceparent.expect("set above")),
    ] {
        assert_eq!(seen.headers.get(header), Some(&value), "{header}");
    }
    assert!(
        seen.headers["ce_time"].contains('T'),
        "{}",
        seen.headers["ce_time"]
    );
}
