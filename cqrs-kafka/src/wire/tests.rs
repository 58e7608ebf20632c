//! Encoding and decoding: every event is decoded to itself, and invalid records are rejected.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use cqrs_core::{
    EventId, Metadata, Position, RecordedEvent, StreamId, Version,
    model::{self, Category, Lane},
};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

type Pairs = Vec<(String, Vec<u8>)>;

fn headers(event: &RecordedEvent) -> Pairs {
    let lane = event
        .lane
        .clone()
        .expect("the events of these tests have one");
    let mut headers = Vec::new();
    encode(event, "shop", &lane, |name, value| {
        headers.push((name.to_owned(), value.to_vec()));
    })
    .expect("encodes");
    headers
}

fn decode(headers: &Pairs, payload: Option<&[u8]>) -> Result<RecordedEvent, WireError> {
    let record = Received {
        topic: "shop.order",
        offset: 77,
        key: Some(b"17"),
        payload,
        timestamp: Some(1_700_000_000_000),
    };
    let headers = headers
        .iter()
        .map(|(name, value)| (name.as_str(), Some(value.as_slice())));
    Decoder::new("shop").decode(record, headers)
}

fn placed() -> RecordedEvent {
    RecordedEvent::new(
        EventId::from_uuid(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001)),
        StreamId::new(Category::new("order").expect("valid"), "17").expect("valid"),
        Version::new(3),
        Position::new(42),
        "Placed",
        Bytes::from_static(b"{\"total\":5}"),
        UNIX_EPOCH + Duration::from_micros(1_700_000_000_000_123),
    )
    .schema_version(2)
    .lane(Lane::new("shop.relay.0"))
}

fn without(name: &str) -> Pairs {
    let mut headers = headers(&placed());
    headers.retain(|(found, _)| found != name);
    headers
}

fn with(name: &str, value: &str) -> Pairs {
    let mut headers = without(name);
    headers.push((name.to_owned(), value.as_bytes().to_vec()));
    headers
}

fn rejection(headers: &Pairs) -> String {
    decode(headers, Some(b"{}"))
        .expect_err("rejected")
        .to_string()
}

#[test]
fn the_headers_are_those_of_the_table() {
    let text: Vec<String> = headers(&placed())
        .iter()
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value)))
        .collect();
    let expected = [
        "content-type: application/json",
        "ce_specversion: 1.0",
        "ce_id: 01900000-0000-7000-8000-000000000001",
        "ce_source: /shop/order",
        "ce_type: order.Placed",
        "ce_subject: 17",
        "ce_time: 2023-11-14T22:13:20.000123Z",
        "ce_position: 42",
        "ce_version: 3",
        "ce_schemaversion: 2",
        "ce_lane: shop.relay.0",
    ];
    assert_eq!(text, expected);
}

#[test]
fn a_header_that_is_missing_or_wrong_is_named() {
    for name in [
        "ce_specversion",
        "ce_id",
        "ce_source",
        "ce_type",
        "ce_subject",
        "ce_time",
        "ce_position",
        "ce_version",
        "ce_schemaversion",
        "ce_lane",
    ] {
        assert_eq!(
            rejection(&without(name)),
            format!("header {name:?} is missing")
        );
    }
    assert_eq!(
        rejection(&with("ce_id", "17")),
        "header \"ce_id\" is \"17\": not a UUID"
    );
    assert_eq!(
        rejection(&with("ce_position", "-1")),
        "header \"ce_position\" is \"-1\": not a number, or too large"
    );
    assert_eq!(
        rejection(&with("ce_specversion", "0.3")),
        "header \"ce_specversion\" is \"0.3\": only 1.0 is supported"
    );
    assert_eq!(
        rejection(&with("content-type", "text/plain")),
        "header \"content-type\" is \"text/plain\": only JSON is supported"
    );
    assert!(
        rejection(&with("ce_time", "yesterday"))
            .starts_with("header \"ce_time\" is \"yesterday\": not an RFC 3339 time")
    );
    assert!(rejection(&with("ce_subject", "a\nb")).ends_with("contains a control character"));
    let twice = [headers(&placed()), headers(&placed())].concat();
    assert_eq!(rejection(&twice), "header \"content-type\" occurs twice");
    assert_eq!(decode(&headers(&placed()), None), Err(WireError::NoPayload));
}

#[test]
fn structured_mode_is_rejected_with_what_to_do() {
    let error = rejection(&with(
        "content-type",
        "application/cloudevents+json; charset=UTF-8",
    ));
    assert!(
        error.contains("structured mode")
            && error.ends_with("let the producer send attributes as ce_ headers")
    );
}

#[test]
fn a_foreign_cloud_event_is_read() {
    let foreign = |source: &str| -> Pairs {
        [
            ("ce_specversion", "1.0"),
            ("ce_id", "A-1"),
            ("ce_source", source),
            ("ce_type", "com.bank.Paid"),
        ]
        .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
        .to_vec()
    };
    let event = decode(&foreign("https://bank.example/payments"), Some(b"{}")).expect("reads");
    assert_eq!(event.stream.to_string(), "payments-17");
    assert_eq!(&*event.event_type, "com.bank.Paid");
    assert_eq!(
        (event.position, event.version, event.lane.clone()),
        (Position::new(77), Version::EMPTY, None)
    );
    assert_eq!(
        event.recorded_at,
        UNIX_EPOCH + Duration::from_millis(1_700_000_000_000)
    );
    let again = decode(&foreign("https://bank.example/payments"), Some(b"{}")).expect("reads");
    assert_eq!(event.id, again.id, "the same event has the same id");
    let other = decode(&foreign("urn:bank:payments"), Some(b"{}")).expect("reads");
    assert_eq!(other.stream.category().as_str(), "order", "from the topic");
    assert_ne!(event.id, other.id);
}

prop_compose! {
    fn events()(
        id: u128, aggregate in "[^\\p{C}]{1,40}", category in "[a-zA-Z0-9_.-]{1,20}",
        event_type in "[^\\p{C}]{1,30}", version: u64, position: u64, schema_version: u32,
        payload: Vec<u8>, micros in 0_u64..253_402_300_799_000_000,
        correlation_id: Option<String>, causation_id: Option<u128>, traceparent: Option<String>,
        lane in "[a-z0-9.]{1,30}",
    ) -> RecordedEvent {
        RecordedEvent::new(
            EventId::from_uuid(Uuid::from_u128(id)),
            StreamId::new(Category::new(category).expect("valid"), aggregate).expect("valid"),
            Version::new(version),
            Position::new(position),
            event_type,
            payload,
            UNIX_EPOCH + Duration::from_micros(micros),
        )
        .schema_version(schema_version)
        .metadata(Metadata::new(
            correlation_id,
            causation_id.map(|id| EventId::from_uuid(Uuid::from_u128(id))),
            traceparent,
            model::Headers::default(),
        ))
        .lane(Lane::new(lane))
    }
}

proptest! {
    #[test]
    fn an_encoded_event_decodes_to_the_same_event(event in events()) {
        let back = decode(&headers(&event), Some(&event.payload));
        prop_assert_eq!(back, Ok(event));
    }

    #[test]
    fn no_header_makes_the_decoder_panic(headers: Vec<(String, Vec<u8>)>, name in "ce_(id|time|position|type|source)", value: Vec<u8>) {
        let mut all = super::tests::headers(&placed());
        all.retain(|(found, _)| *found != name);
        all.extend(headers);
        all.push((name, value));
        let _ = decode(&all, Some(b"{}"));
    }
}
