//! Encoding and decoding: every event is decoded to itself, and invalid records are rejected.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use cqrs_core::{
    EventId, Metadata, Position, RecordedEvent, StreamId, Version,
    model::{self, Category, Lane, Limits, Offset},
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
    let error = decode(headers, Some(b"{}")).expect_err("rejected");
    cqrs_core::chain(&error).to_string()
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
        "header \"ce_position\" is \"-1\": not a number from 0 to 9223372036854775807"
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
    assert_eq!(rejection(&twice), "header \"ce_specversion\" occurs twice");
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

/// The headers that every CloudEvent has.
const FOREIGN: [(&str, &[u8]); 4] = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"A-1"),
    ("ce_source", b"https://bank.example/payments"),
    ("ce_type", b"com.bank.Paid"),
];

/// A CloudEvent of another producer; `more` replaces or adds headers.
fn foreign(more: &[(&str, &[u8])]) -> Pairs {
    let replaced = |name: &str| more.iter().any(|(other, _)| *other == name);
    let kept = FOREIGN.iter().filter(|(name, _)| !replaced(name));
    let all = kept.chain(more);
    all.map(|(name, value)| ((*name).to_owned(), value.to_vec()))
        .collect()
}

fn read_foreign(more: &[(&str, &[u8])]) -> RecordedEvent {
    decode(&foreign(more), Some(b"{}")).expect("reads")
}

#[test]
fn a_foreign_cloud_event_is_read() {
    let event = read_foreign(&[]);
    assert_eq!(event.stream.to_string(), "order-17");
    assert_eq!(&*event.event_type, "com.bank.Paid");
    assert_eq!(
        (event.position, event.version, event.lane.clone()),
        (Position::new(77), Version::EMPTY, None)
    );
    assert_eq!(
        event.recorded_at,
        UNIX_EPOCH + Duration::from_millis(1_700_000_000_000)
    );
    let again = read_foreign(&[]);
    assert_eq!(event.id, again.id, "the same event has the same id");
    let other = read_foreign(&[("ce_source", b"urn:bank:payments")]);
    assert_ne!(event.id, other.id);
}

#[test]
fn the_topic_decides_the_category_whatever_the_source() {
    for source in [
        "/x/note",
        "note",
        "https://notes.example/api",
        "/cloudevents/spec/pull/123",
        "urn:example:notes",
        "//pubsub/projects/p/topics/note-1",
    ] {
        let event = read_foreign(&[("ce_source", source.as_bytes()), ("ce_type", b"order.Paid")]);
        assert_eq!(event.stream.to_string(), "order-17", "{source}");
        assert_eq!(&*event.event_type, "Paid", "{source}");
    }
}

#[test]
fn a_topic_that_is_no_category_is_an_error_only_for_others() {
    let topic = "x".repeat(101);
    let read = |headers: &Pairs| {
        let record = Received {
            topic: &topic,
            offset: 0,
            key: None,
            payload: Some(b"{}"),
            timestamp: None,
        };
        let headers = headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), Some(value.as_slice())));
        Decoder::new("shop").decode(record, headers)
    };
    assert!(matches!(read(&foreign(&[])), Err(WireError::Topic(_))));
    let own = read(&headers(&placed())).expect("the record of a relay");
    assert_eq!(own.stream.to_string(), "order-17");
}

#[test]
fn the_source_and_type_of_a_relay_name_its_category() {
    assert_eq!(
        rejection(&with("ce_source", "/shop/")),
        "header \"ce_source\" is \"/shop/\", which names no stream: category \"\" is empty; give it 1 to 100 bytes"
    );
    for wrong in ["order", "order.", "stock.Placed", "Placed"] {
        assert_eq!(
            rejection(&with("ce_type", wrong)),
            format!("header \"ce_type\" is {wrong:?}: not the type of an event of category order")
        );
    }
}

#[test]
fn optional_headers_never_make_a_record_unreadable() {
    let parent = &b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"[..];
    let long = vec![b'x'; MAX_HEADER_BYTES + 1];
    for name in [
        "content-type",
        "ce_time",
        "ce_correlationid",
        "ce_causationid",
        "traceparent",
        "ce_version",
        "ce_position",
        "ce_schemaversion",
        "other",
    ] {
        for value in [&b""[..], b"\xff\xfe\x00", &long] {
            let event = read_foreign(&[(name, value)]);
            assert_eq!(event.metadata, Metadata::default(), "{name}");
        }
        let event = read_foreign(&[(name, b"a"), (name, b"b")]);
        assert_eq!(event.metadata, Metadata::default(), "{name}");
        assert_eq!(event.version, Version::EMPTY, "{name}");
        assert_eq!(event.position, Position::new(77), "{name}");
    }
    let traced = |more: &[(&str, &[u8])]| read_foreign(more).metadata.traceparent;
    let expected = String::from_utf8_lossy(parent).into_owned();
    let twice = traced(&[("traceparent", parent), ("traceparent", parent)]);
    assert_eq!(twice, Some(expected), "equal values are one");
    assert_eq!(
        traced(&[("traceparent", parent), ("traceparent", b"00-0-0-00")]),
        None
    );
    assert_eq!(
        traced(&[("traceparent", b"00\0")]),
        None,
        "no store has NUL in a text"
    );
    let own = decode(&with("traceparent", ""), Some(b"{}")).expect("reads");
    assert_eq!(own.metadata.traceparent, None);
}

#[test]
fn the_headers_of_an_application_are_written_and_read() {
    let own = [("note", ""), ("user", "ann")].map(|(name, value)| (name.into(), value.into()));
    let metadata = Metadata::new(None, None, None, own.into());
    let event = placed().metadata(metadata.clone());
    let written = headers(&event);
    assert_eq!(
        written[written.len() - 1],
        ("app_user".to_owned(), b"ann".to_vec())
    );
    assert_eq!(
        decode(&written, Some(b"{}")).map(|event| event.metadata),
        Ok(metadata)
    );

    let long = vec![b'x'; MAX_HEADER_BYTES + 1];
    for value in [&b"\xff"[..], b"a\0", &long] {
        let event = read_foreign(&[
            ("app_user", value),
            ("app_tenant", b"north"),
            ("user", b"eve"),
        ]);
        assert_eq!(
            event.metadata.headers,
            [("tenant".to_owned(), "north".to_owned())].into()
        );
    }
    let twice = read_foreign(&[("app_user", b"ann"), ("app_user", b"eve")]);
    assert!(twice.metadata.headers.is_empty());
}

#[test]
fn every_media_type_of_json_is_read() {
    for media_type in [
        "application/json; charset=utf-8",
        "text/json",
        "Application/Problem+JSON",
    ] {
        read_foreign(&[("content-type", media_type.as_bytes())]);
    }
    let avro = foreign(&[("content-type", b"application/avro")]);
    assert!(rejection(&avro).ends_with("only JSON is supported"));
}

#[test]
fn a_foreign_event_without_data_has_the_content_null() {
    for payload in [None, Some(&b""[..])] {
        let event = decode(&foreign(&[]), payload).expect("reads");
        assert_eq!(&*event.payload, b"null");
    }
    let neither = decode(&Pairs::new(), None);
    assert_eq!(neither, Err(WireError::NoPayload), "a tombstone");
}

#[test]
fn every_time_of_rfc_3339_is_read() {
    let seconds = |text: &str| {
        let event = read_foreign(&[("ce_time", text.as_bytes())]);
        match event.recorded_at.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_secs()).expect("it fits"),
            Err(before) => -i64::try_from(before.duration().as_secs()).expect("it fits"),
        }
    };
    for (text, expected) in [
        ("2024-05-01T12:00:00Z", 1_714_564_800),
        ("2024-05-01t12:00:00z", 1_714_564_800),
        ("2024-05-01T12:00:00.123456789+05:30", 1_714_545_000),
        ("2024-05-01T12:00:00.1234567890123Z", 1_714_564_800),
        ("2016-12-31T23:59:60Z", 1_483_228_799),
        ("1970-01-01T00:30:00+01:00", -1_800),
        ("1969-12-31T23:59:59Z", -1),
        ("0001-01-01T00:00:00Z", -62_135_596_800),
        ("0000-01-01T00:00:00Z", -62_167_219_200),
        ("9999-12-31T23:59:59.9999999Z", 253_402_300_799),
        ("yesterday", 1_700_000_000),
        ("", 1_700_000_000),
    ] {
        assert_eq!(seconds(text), expected, "{text:?}");
    }
}

#[test]
fn a_time_before_1970_has_a_form_and_the_year_10000_has_none() {
    let at = |mut event: RecordedEvent, time| {
        event.recorded_at = time;
        event
    };
    let year_one = UNIX_EPOCH - Duration::from_secs(62_135_596_800) + Duration::from_micros(7);
    let event = at(placed(), year_one);
    let found = headers(&event)
        .into_iter()
        .find(|(name, _)| name == "ce_time");
    assert_eq!(found.expect("has a time").1, b"0001-01-01T00:00:00.000007Z");
    let end = at(placed(), UNIX_EPOCH + Duration::from_secs(253_402_300_800));
    let outcome = encode(&end, "shop", &Lane::new("lane"), |_, _| {});
    assert_eq!(outcome, Err(WireError::Time));
}

#[test]
fn the_subject_the_key_or_the_id_names_the_stream() {
    let stream = |key: Option<&[u8]>, more: &[(&str, &[u8])]| {
        let record = Received {
            topic: "shop.order",
            offset: 0,
            key,
            payload: Some(b"{}"),
            timestamp: None,
        };
        let headers = foreign(more);
        let headers = headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), Some(value.as_slice())));
        let event = Decoder::new("shop").decode(record, headers);
        event.map(|event| event.stream.id().to_owned())
    };
    let id = |key, more| stream(key, more).expect("reads");
    assert_eq!(id(Some(b"17"), &[("ce_subject", b"18")]), "18");
    assert_eq!(id(Some(b"17"), &[("ce_subject", b"")]), "17");
    assert_eq!(id(None, &[]), "A-1");
    assert_eq!(id(Some(b"\xff"), &[]), "A-1");
    assert_eq!(id(Some(b"\0\0\0\x07"), &[]), "A-1", "a key in Avro");
    let long = "x".repeat(300);
    let hashed = id(None, &[("ce_id", long.as_bytes())]);
    assert!(Uuid::parse_str(&hashed).is_ok(), "{hashed}");
    assert!(stream(Some(b"17"), &[("ce_subject", long.as_bytes())]).is_err());
    assert!(stream(Some(b"17"), &[("ce_subject", b"\xff")]).is_err());
}

#[test]
fn a_position_that_no_log_has_is_rejected() {
    for name in ["ce_position", "ce_version"] {
        let last = decode(&with(name, "9223372036854775807"), Some(b"{}"));
        assert!(last.is_ok());
        for wrong in ["9223372036854775808", "18446744073709551615"] {
            let error = rejection(&with(name, wrong));
            assert!(error.contains(name), "{error}");
        }
    }
}

#[test]
fn headers_have_limits_when_read_and_when_written() {
    let long = "x".repeat(MAX_HEADER_BYTES + 1);
    let too_long = |header| WireError::TooLong {
        header,
        bytes: MAX_HEADER_BYTES + 1,
        limit: MAX_HEADER_BYTES,
    };
    for header in ["ce_id", "ce_source", "ce_type", "ce_subject", "ce_lane"] {
        let read = decode(&with(header, &long), Some(b"{}"));
        assert_eq!(read, Err(too_long(header)));
    }
    let mut many = headers(&placed());
    many.resize(MAX_HEADERS, ("other".to_owned(), long.clone().into_bytes()));
    assert!(decode(&many, Some(b"{}")).is_ok(), "others have any length");
    many.push(("other".to_owned(), Vec::new()));
    assert_eq!(
        decode(&many, Some(b"{}")),
        Err(WireError::TooManyHeaders { limit: MAX_HEADERS })
    );
    let metadata = Metadata::new(Some(long), None, None, model::Headers::default());
    let event = placed().metadata(metadata);
    let written = encode(&event, "shop", &Lane::new("lane"), |_, _| {});
    assert_eq!(written, Err(too_long("ce_correlationid")));
}

/// Also at the largest limits that count, with which a consumer still reads every field.
#[test]
fn no_event_within_the_limits_has_a_larger_record() {
    let id = |bytes: usize| "i".repeat(bytes);
    let widest = Limits::default()
        .payload_bytes(20)
        .metadata_bytes(usize::MAX)
        .headers(usize::MAX)
        .header_bytes(usize::MAX);
    for (limits, metadata_bytes, count, header_bytes) in [
        (Limits::default().payload_bytes(20), 1_024, 32, 1_024),
        (widest, MAX_HEADER_BYTES, 900, MAX_HEADER_BYTES),
    ] {
        let text = || Some("m".repeat(metadata_bytes));
        let named = (0..count).map(|n| (format!("{n:0>64}"), "h".repeat(header_bytes)));
        let metadata = Metadata::new(text(), Some(EventId::random()), text(), named.collect());
        let category = Category::new("c".repeat(100)).expect("valid");
        let stream = StreamId::new(category, id(StreamId::MAX_ID_BYTES)).expect("valid");
        let mut event = placed().metadata(metadata);
        event.stream = stream;
        event.event_type = id(255).into();
        event.position = Position::new(i64::MAX.unsigned_abs());
        let headers = headers(&event);
        // A length of at most 3 bytes before each name and value.
        let framed = headers
            .iter()
            .map(|(name, value)| name.len() + value.len() + 6);
        let bytes = 20 + event.stream.id().len() + framed.sum::<usize>();
        assert!(bytes < limits.record_bytes(), "{bytes} of {limits:?}");
        let read = decode(&headers, Some(b"{}")).expect("is read");
        assert_eq!(read.metadata, event.metadata);
    }
}

#[test]
fn an_event_without_a_type_is_not_written() {
    let mut event = placed();
    event.event_type = "".into();
    let error = encode(&event, "shop", &Lane::new("lane"), |_, _| {}).expect_err("rejected");
    assert_eq!(
        error.to_string(),
        "header \"ce_type\" is \"order\": the event has no type"
    );
}

#[test]
fn the_text_of_an_error_is_short() {
    let long = "x".repeat(MAX_HEADER_BYTES - 100);
    let structured = format!("application/cloudevents+{long}");
    for headers in [
        with("content-type", &structured),
        with("ce_specversion", &long),
        with("ce_id", &long),
        with("ce_source", &format!("/{long}")),
        with("ce_type", &long),
        with("ce_subject", &long),
        with("ce_time", &long),
        with("ce_position", &long),
    ] {
        let error = rejection(&headers);
        assert!(error.len() < 1_000, "{} bytes", error.len());
    }
}

prop_compose! {
    fn events()(
        id: u128, aggregate in "[^\\p{C}]{1,40}", category in "[a-zA-Z0-9_.-]{1,20}",
        event_type in "[^\\p{C}]{1,30}", version in 0..=i64::MAX as u64, position in 0..=i64::MAX as u64,
        schema_version: u32, payload: Vec<u8>, micros in 0_u64..253_402_300_799_000_000,
        correlation_id in proptest::option::of("[^\0]{1,40}"), causation_id: Option<u128>,
        traceparent in proptest::option::of("[^\0]{1,60}"),
        lane in "[a-z0-9.]{1,30}",
        application in proptest::collection::btree_map("[a-z0-9_.-]{1,64}", "[^\0]{0,40}", 0..4),
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
            application,
        ))
        .lane(Lane::new(lane))
        .offset(Offset::new(77))
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

#[test]
fn a_record_that_is_no_event_has_the_stream_of_its_subject_or_key() {
    let stream = |key: Option<&[u8]>, headers: &[(&str, &[u8])]| {
        let record = Received {
            topic: "shop.order",
            offset: 77,
            key,
            payload: None,
            timestamp: None,
        };
        let headers = headers.iter().map(|(name, value)| (*name, Some(*value)));
        let stream = Decoder::new("shop").stream_of(record, headers);
        stream.map(|stream| stream.to_string())
    };
    let own = [("ce_lane", &b"x"[..]), ("ce_source", b"/shop/stock")];
    let order = Some("order-17".to_owned());
    assert_eq!(stream(Some(b"17"), &[]), order);
    assert_eq!(stream(Some(b"3"), &[("ce_subject", b"17")]), order);
    assert_eq!(stream(None, &[("ce_subject", b"17")]), order);
    assert_eq!(stream(Some(b"17"), &[("ce_subject", &[0xff])]), order);
    assert_eq!(stream(Some(b"17"), &[("ce_subject", b"a\nb")]), order);
    assert_eq!(stream(Some(b"17"), &own), Some("stock-17".to_owned()));
    assert_eq!(stream(Some(b"17"), &own[..1]), order);
    assert_eq!(stream(None, &own), None);
    assert_eq!(stream(Some(b"\xff"), &[]), None);
    assert_eq!(stream(Some(b""), &[]), None);
}
