//! The rows of the page, each with its records and their outcomes.

use super::*;

fn case(record: Record, outcome: Outcome) -> Case {
    Case {
        records: vec![record],
        sent: Sent::Plainly,
        partial: false,
        outcome,
    }
}

fn partial(record: Record, outcome: Outcome) -> Case {
    Case {
        partial: true,
        ..case(record, outcome)
    }
}

fn sent(sent: Sent, outcome: Outcome) -> Case {
    Case {
        sent,
        ..case(foreign(), outcome)
    }
}

fn many_headers(count: usize) -> Record {
    let mut record = foreign();
    record.headers.resize(count, ("other".to_owned(), None));
    record
}

const LIMIT: usize = wire::MAX_HEADER_BYTES;

pub(super) fn rows() -> Vec<Row> {
    let twice = Case {
        records: vec![own("note"), own("note")],
        ..case(own("note"), Handled(1))
    };
    let repeat = Case {
        outcome: PassedOver("cqrs.subscription.repeated", 1),
        ..twice.clone()
    };
    vec![
        ("an event of a relay", vec![case(own("note"), Handled(1))]),
        (
            "a repeat: its position in its lane was received",
            vec![twice, repeat],
        ),
        (
            "an event of a relay, of a category that is not read",
            vec![case(
                own("stock"),
                PassedOver("cqrs.subscription.passed_over", 1),
            )],
        ),
        (
            "an event of a relay with a wrong or missing header",
            vec![
                case(
                    own("note").with("ce_position", "9223372036854775808"),
                    Parked("ce_position"),
                ),
                case(
                    own("note").without("ce_version"),
                    Parked("header \"ce_version\" is missing"),
                ),
                case(
                    own("note").and("ce_lane", "x"),
                    Parked("header \"ce_lane\" occurs twice"),
                ),
                case(
                    own("note").with("ce_type", "note."),
                    Parked("not the type of an event"),
                ),
            ],
        ),
        (
            "a CloudEvent of another producer, with any source",
            [
                "/x/other",
                "other",
                "urn:example:notes",
                "//pubsub/topics/note-1",
            ]
            .map(|source| case(foreign().with("ce_source", source), Handled(1)))
            .to_vec(),
        ),
        (
            "a CloudEvent without data",
            [None, Some(&b""[..])]
                .map(|value| case(foreign().with("ce_type", "Erased").value(value), Handled(1)))
                .to_vec(),
        ),
        (
            "a CloudEvent with any time of RFC 3339, or a wrong one",
            [
                "0001-01-01T00:00:00Z",
                "2016-12-31T23:59:60Z",
                "2024-05-01t12:00:00+05:30",
                "now",
                "",
            ]
            .map(|time| case(foreign().and("ce_time", time), Handled(1)))
            .to_vec(),
        ),
        (
            "optional headers and `app_` headers that are missing, empty, binary, too long, or double with different values",
            vec![
                case(
                    foreign().and("traceparent", "a").and("traceparent", "b"),
                    Handled(1),
                ),
                case(
                    foreign()
                        .and("content-type", "")
                        .and("ce_correlationid", ""),
                    Handled(1),
                ),
                case(
                    foreign()
                        .and("ce_causationid", [0xff])
                        .and("ce_version", [0xff]),
                    Handled(1),
                ),
                case(
                    foreign().and("traceparent", vec![b'x'; LIMIT + 1]),
                    Handled(1),
                ),
                case(
                    own("note")
                        .and("traceparent", [0xff])
                        .without("content-type"),
                    Handled(1),
                ),
            ],
        ),
        (
            "a type that a partial reader does not know",
            vec![partial(
                foreign().with("ce_type", "Printed"),
                PassedOver("cqrs.subscription.passed_over", 1),
            )],
        ),
        (
            "a type that a reader does not know",
            vec![case(
                foreign().with("ce_type", "Printed"),
                Parked("Printed"),
            )],
        ),
        (
            "an event of a newer schema version",
            vec![case(own("note").with("ce_schemaversion", "9"), Waits)],
        ),
        (
            "content that does not fit the type",
            vec![
                case(
                    foreign().value(Some(format!(r#""{}""#, "x".repeat(900_000)).as_bytes())),
                    Parked("more bytes"),
                ),
                case(foreign().value(Some(b"{}")), Parked("text")),
                case(foreign().value(Some(b"\xff")), Parked("Written")),
            ],
        ),
        (
            "a CloudEvent without a required header",
            ["ce_specversion", "ce_id", "ce_source", "ce_type"]
                .map(|name| case(foreign().without(name), Parked("is missing")))
                .to_vec(),
        ),
        (
            "a subject that cannot be the id of a stream",
            vec![
                case(
                    foreign().and("ce_subject", "x".repeat(256)),
                    Parked("ce_subject"),
                ),
                case(foreign().and("ce_subject", "a\nb"), Parked("ce_subject")),
            ],
        ),
        (
            "a CloudEvent in structured mode",
            vec![case(
                Record::default()
                    .and("content-type", "application/cloudevents+json")
                    .value(Some(b"{}")),
                Parked("structured mode"),
            )],
        ),
        (
            "content that is not JSON",
            vec![case(
                foreign().and("content-type", "application/avro"),
                Parked("only JSON"),
            )],
        ),
        (
            "a tombstone",
            vec![case(Record::default(), Parked("tombstone"))],
        ),
        (
            "a record without the headers of a CloudEvent",
            vec![case(
                Record::default().value(Some(b"hello")),
                Parked("ce_specversion"),
            )],
        ),
        (
            "up to 1,000 headers, of any length unless they belong to an event",
            vec![
                case(many_headers(wire::MAX_HEADERS), Handled(1)),
                case(foreign().and("other", vec![0xff; 4 * LIMIT]), Handled(1)),
            ],
        ),
        (
            "more than 1,000 headers",
            vec![case(
                many_headers(wire::MAX_HEADERS + 1),
                Parked("more than 1000 headers"),
            )],
        ),
        (
            "a required header of more than 64 KiB",
            vec![case(
                foreign().with("ce_id", "x".repeat(LIMIT + 1)),
                Parked("more than 65536"),
            )],
        ),
        (
            "a record as large as the broker accepts",
            [900_000, 9_000_000]
                .map(|bytes| {
                    let text = format!(r#"{{"text":"{}"}}"#, "x".repeat(bytes));
                    case(foreign().value(Some(text.as_bytes())), Handled(1))
                })
                .to_vec(),
        ),
        (
            "a batch compressed with gzip, snappy, lz4 or zstd",
            ["none", "gzip", "snappy", "lz4", "zstd"]
                .map(|codec| sent(Sent::With(codec), Handled(1)))
                .to_vec(),
        ),
        (
            "a transaction that was committed, and its marker",
            vec![sent(Sent::InTransaction { committed: true }, Handled(1))],
        ),
        (
            "a transaction that was aborted, and its marker",
            vec![sent(Sent::InTransaction { committed: false }, Handled(0))],
        ),
    ]
}

/// The rows about the progress topic of a relay.
pub(super) const PROGRESS_ROWS: [&str; 3] = [
    "in a progress topic: a key that is not a relay's",
    "in a progress topic: a bad record under a relay's key",
    "an event whose category has the progress topic",
];
