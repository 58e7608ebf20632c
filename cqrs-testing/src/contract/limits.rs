//! Guarantees for the fields of events and documents: each store rejects what one of them cannot store.

use cqrs_core::{
    CommandStore, Envelope, EventId, EventStore, ExpectedVersion, Position, RecordedEvent,
    StoreError, Version, chain,
    model::{Headers, InvalidName, LimitError, Limits, NewEvent, Slices, StreamId},
    ports::{CommitError, DocumentWrite, Documents, Import, UnitOfWork},
};

use super::{
    fixture::{account, append, headers, is_invalid, read_all, rejections},
    purse::{Purse, PurseEvent},
};

/// A text of one character more than a limit, in bytes.
fn longer_than(limit: usize) -> String {
    "ä".repeat(limit / 2) + "xx"
}

fn too_long(field: &'static str, limit: usize) -> LimitError {
    let bytes = longer_than(limit).len();
    LimitError::TooLong {
        field,
        bytes,
        limit,
    }
}

/// Changes of an event after which no store accepts it, with the error for each.
fn invalid_events() -> Vec<(Box<dyn Fn(&mut NewEvent) + Send>, LimitError)> {
    type Change = Box<dyn Fn(&mut NewEvent) + Send>;
    fn typed(event_type: String) -> Change {
        let event_type: &'static str = event_type.leak();
        Box::new(move |event| event.event_type = event_type)
    }
    fn correlated(id: String) -> Change {
        Box::new(move |event| event.metadata.correlation_id = Some(id.clone()))
    }
    fn traced(traceparent: String) -> Change {
        Box::new(move |event| event.metadata.traceparent = Some(traceparent.clone()))
    }
    fn with(payload: &'static [u8]) -> Change {
        Box::new(move |event| event.payload = payload.into())
    }
    let nul = |field| LimitError::Nul { field };
    let field = "payload";
    let too_long_payload = LimitError::TooLong {
        field,
        bytes: longer_than(959_998).len() + 2,
        limit: 960_000,
    };
    vec![
        (
            typed(String::new()),
            LimitError::Empty {
                field: "event type",
            },
        ),
        (typed("a\0b".to_owned()), nul("event type")),
        (typed(longer_than(255)), too_long("event type", 255)),
        (correlated("a\0b".to_owned()), nul("correlation id")),
        (
            correlated(longer_than(1_024)),
            too_long("correlation id", 1_024),
        ),
        (traced("a\0b".to_owned()), nul("traceparent")),
        (traced(longer_than(1_024)), too_long("traceparent", 1_024)),
        (with(br#"{"a":"b\u0000"}"#), nul(field)),
        (with(br#"{"a\u0000":1}"#), nul(field)),
        (with(b"\"a\0b\""), nul(field)),
        (with(br#""\ud83e""#), LimitError::LoneSurrogate { field }),
        (with(b"\"\xff\""), LimitError::NotUtf8 { field }),
        (
            with(format!("\"{}\"", longer_than(959_998)).leak().as_bytes()),
            too_long_payload,
        ),
    ]
}

#[track_caller]
fn assert_rejected(error: &StoreError, expected: &LimitError, named: &str) {
    is_invalid(error, expected);
    assert!(error.to_string().contains(named), "{error}");
    assert!(error.to_string().len() < 500, "{error}");
}

/// An event with a field beyond its limit fails alone, whichever way it is appended, with an error that names the field and the
/// stream. An event at the limits is stored.
pub async fn an_event_beyond_a_limit_is_rejected<S>(store: S)
where
    S: EventStore + UnitOfWork,
{
    for (change, expected) in invalid_events() {
        for error in rejections(&store, change).await {
            assert_rejected(&error, &expected, "account-a");
        }
    }
    assert_eq!(read_all(&store, &[], Slices::ALL, 10).await, []);
    for id in ["", "a\0b", &longer_than(StreamId::MAX_ID_BYTES)] {
        let invalid: Result<_, InvalidName> = StreamId::new(account("a").category().clone(), id);
        invalid.expect_err("no stream has this id");
    }

    let mut longest = append(&account("a"), ExpectedVersion::Any, 1);
    let event = &mut longest.events[0];
    event.event_type = "ä".repeat(127).leak();
    event.metadata.correlation_id = Some("ä".repeat(512));
    event.metadata.traceparent = Some("t".repeat(1_024));
    event.payload = br#""\u0001 \\u0000 \ud83e\udd80""#.as_slice().into();
    let event = event.clone();
    store.append(longest).await.expect("appends");
    let stored = read_all(&store, &[], Slices::ALL, 10).await.remove(0);
    assert_eq!(
        (&*stored.event_type, &stored.metadata, &stored.payload),
        (event.event_type, &event.metadata, &event.payload)
    );
}

/// Limits below the defaults, for [`the_limits_of_a_store_can_be_set`].
#[must_use]
pub fn small_limits() -> Limits {
    Limits::default()
        .payload_bytes(30)
        .metadata_bytes(8)
        .headers(2)
        .header_bytes(4)
        .id_bytes(10)
}

/// A store with [`small_limits`] accepts an event at each of them and rejects one beyond it, and leaves out what an event would
/// inherit beyond them.
pub async fn the_limits_of_a_store_can_be_set<S: EventStore + Import>(store: S) {
    assert_eq!(store.size_limits(), small_limits());
    let payload = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    let of = |id: usize, bytes: usize, texts: usize, named: Headers| {
        let mut append = append(&account(&"a".repeat(id)), ExpectedVersion::Any, 1);
        let event = &mut append.events[0];
        event.payload = payload(bytes).into();
        event.metadata.correlation_id = Some("c".repeat(texts));
        event.metadata.traceparent = Some("t".repeat(texts));
        event.metadata.headers = named;
        append
    };
    let two = || headers([("tenant", "four"), ("user", "four")]);
    let largest = of(10, 30, 8, two());
    store.append(largest).await.expect("is within the limits");
    for (append, named) in [
        (
            of(11, 30, 8, two()),
            "the aggregate id has 11 bytes, more than 10",
        ),
        (
            of(10, 31, 8, two()),
            "the payload has 31 bytes, more than 30",
        ),
        (
            of(10, 30, 9, two()),
            "the correlation id has 9 bytes, more than 8",
        ),
        (
            of(10, 30, 8, headers([("a", ""), ("b", ""), ("c", "")])),
            "3 headers; at most 2",
        ),
        (
            of(10, 30, 8, headers([("user", "fives")])),
            "header user has 5 bytes, more than 4",
        ),
    ] {
        let recorded = RecordedEvent::new(
            EventId::random(),
            append.stream.clone(),
            Version::new(1),
            Position::START,
            append.events[0].event_type,
            append.events[0].payload.clone(),
            std::time::SystemTime::now(),
        );
        let recorded = recorded.metadata(append.events[0].metadata.clone());
        let imported = store.import(&[recorded]).await.expect_err("is too long");
        let imported = chain(&imported).to_string();
        assert!(imported.contains(named), "{imported}");
        let error = store.append(append).await.expect_err("is too long");
        let error = chain(&error).to_string();
        assert!(error.contains(named), "{error}");
    }

    let mut cause = read_all(&store, &[], Slices::ALL, 10).await.remove(0);
    cause.metadata.correlation_id = Some("too long for this".to_owned());
    cause
        .metadata
        .headers
        .insert("note".to_owned(), "fives".to_owned());
    let cause = Envelope::new(
        PurseEvent::Paid {
            amount: 1,
            before: 0,
        },
        cause,
    );
    let purses = store.repository::<Purse>();
    let caused = purses.execute("b", 1).caused_by(&cause);
    let caused = caused.await.expect("is within the limits");
    let caused = store.read_stream(&caused.stream, Version::EMPTY).await;
    let metadata = &caused.expect("reads")[0].metadata;
    assert_eq!(metadata.correlation_id, None);
    assert_eq!(metadata.causation_id, Some(cause.recorded.id));
    assert_eq!(metadata.headers, two());
}

/// A document with a key or a body beyond its limit is not written, with an error that names view and document. No document can
/// be found under such a key. One with the longest key is stored.
pub async fn a_document_beyond_a_limit_is_rejected<S: Documents>(store: S) {
    const VIEW: &str = "balances";
    store.prepare_view(VIEW).await.expect("prepares");
    let nul = |field| LimitError::Nul { field };
    let field = "body";
    let long = longer_than(DocumentWrite::MAX_KEY_BYTES);
    for (key, body, expected) in [
        ("k\0ey", "1", nul("key")),
        (&*long, "1", too_long("key", DocumentWrite::MAX_KEY_BYTES)),
        ("key", r#""\u0000""#, nul(field)),
        ("key", r#"{"a\u0000":1}"#, nul(field)),
        ("key", r#""\udd80""#, LimitError::LoneSurrogate { field }),
    ] {
        let writes = [("before", "1"), (key, body)];
        let writes = writes.map(|(key, body)| DocumentWrite::new(key, 0, Some(body.into())));
        let mut transaction = store.begin().await.expect("begins");
        let saved = store.save_in(&mut transaction, VIEW, &writes).await;
        store.rollback(transaction).await.expect("rolls back");
        let CommitError::Store(error) = saved.expect_err("rejected").into() else {
            panic!("{expected}");
        };
        let name: String = key.chars().take(64).collect();
        assert_rejected(&error, &expected, &format!("{name:?} of view {VIEW:?}"));
        assert_eq!(store.document(VIEW, key).await.expect("reads"), None);
        if key != "key" {
            let mut transaction = store.begin().await.expect("begins");
            let keys = [key.to_owned()];
            let loaded = store.load_in(&mut transaction, VIEW, &keys).await;
            store.rollback(transaction).await.expect("rolls back");
            assert_rejected(
                &loaded.expect_err("rejected"),
                &expected,
                &format!("{name:?}"),
            );
        }
    }
    let longest = "k".repeat(DocumentWrite::MAX_KEY_BYTES);
    let write = DocumentWrite::new(longest.clone(), 0, Some(b"1".to_vec()));
    let mut transaction = store.begin().await.expect("begins");
    let saved = store.save_in(&mut transaction, VIEW, &[write]).await;
    saved.expect("saves");
    store.commit(transaction).await.expect("commits");
    let found = store.document(VIEW, &longest).await.expect("reads");
    assert!(found.is_some());
}
