use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::*;
use crate::model::{Decoded, Event, Stored, chain as error_chain, decode, decode_for_state};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum AccountEvent {
    Opened { owner: String },
    Deposited { cents: u128, currency: String },
    Closed,
}

#[derive(Deserialize)]
struct DepositedV1 {
    euros: u128,
}
#[derive(Serialize)]
struct DepositedV2 {
    cents: u128,
}
impl From<DepositedV1> for DepositedV2 {
    fn from(old: DepositedV1) -> Self {
        Self {
            cents: old.euros.checked_mul(100).expect("too rich"),
        }
    }
}

fn opened_with_a_deposit(old: &Value) -> Vec<Part> {
    let opened = Part::new("Opened", json!({ "owner": old["owner"] }));
    let deposited = |euros: &Value| Part::new("Deposited", json!({ "euros": euros }));
    let pinged = Part::new("Pinged", Value::Null);
    std::iter::once(opened)
        .chain([pinged])
        .chain(old.get("euros").map(deposited))
        .collect()
}

impl Event for AccountEvent {
    const CATEGORY: &'static str = "account";
    const UPCASTERS: &'static [Upcaster] = &[
        Upcaster::renamed("Created", 1, "Opened", 1),
        Upcaster::renamed("Founded", 1, "Opened", 1),
        Upcaster::json("Deposited", 2, |payload| payload["currency"] = "EUR".into()),
        Upcaster::typed::<DepositedV1, DepositedV2>("Deposited", 1),
        Upcaster::split(
            "Opened",
            1,
            &[("Opened", 2), ("Pinged", 1), ("Deposited", 1)],
            opened_with_a_deposit,
        ),
        Upcaster::dropped("Pinged", 1),
        Upcaster::split("Broken", 1, &[("Opened", 2)], |_| {
            vec![Part::new("Closed", Value::Null)]
        }),
        Upcaster::recorded("Closed", 1, |payload, recording| {
            *payload =
                json!({ "by": recording.metadata.headers["user"], "of": recording.aggregate_id });
        }),
        Upcaster::json("Unread", 1, |payload| *payload = json!(1)),
    ];
}

/// A reader of deposits only.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Deposits {
    Deposited { cents: u64 },
}
impl Event for Deposits {
    const CATEGORY: &'static str = "account";
    const PARTIAL: bool = true;
    const UPCASTERS: &'static [Upcaster] = AccountEvent::UPCASTERS;
}

fn read<E: Event>(event_type: &str, version: u32, payload: &str) -> Result<Decoded<E>, String> {
    read_by(decode, event_type, version, payload)
}

fn read_by<E: Event>(
    reader: fn(&Stored<'_>) -> Result<Decoded<E>, CodecError>,
    event_type: &str,
    version: u32,
    payload: &str,
) -> Result<Decoded<E>, String> {
    let mut metadata = Metadata::default();
    metadata.headers.insert("user".into(), "bob".into());
    let stored = Stored {
        event_type,
        schema_version: version,
        payload: payload.as_bytes(),
        recording: Some(Recording::new(
            EventId::random(),
            "ann",
            UNIX_EPOCH,
            &metadata,
        )),
    };
    reader(&stored).map_err(|error| error_chain(&error).to_string())
}

fn deposited(cents: u128) -> AccountEvent {
    let currency = "EUR".to_owned();
    AccountEvent::Deposited { cents, currency }
}

#[test]
fn every_schema_version_reads_as_the_newest() {
    let newest = Ok(Decoded::One(deposited(500)));
    assert_eq!(read("Deposited", 1, r#"{"euros":5}"#), newest);
    assert_eq!(read("Deposited", 2, r#"{"cents":500}"#), newest);
    let current = r#"{"cents":500,"currency":"EUR"}"#;
    assert_eq!(read("Deposited", 3, current), newest);
    assert_eq!(
        read("Deposited", 0, current),
        newest,
        "another producer did not send the version"
    );
    assert_eq!(
        read::<AccountEvent>("Pinged", 1, "null"),
        Ok(Decoded::Nothing)
    );
    assert_eq!(
        read("Closed", 1, "null"),
        Ok(Decoded::One(AccountEvent::Closed))
    );
}

#[test]
fn parts_keep_their_numbers_for_every_reader() {
    let payload = r#"{"owner":"ann","euros":5}"#;
    let owner = || "ann".to_owned();
    for older in ["Opened", "Created", "Founded"] {
        let opened = AccountEvent::Opened { owner: owner() };
        assert_eq!(
            read(older, 1, payload),
            Ok(Decoded::Several(vec![(0, opened), (2, deposited(500))]))
        );
        assert_eq!(
            read(older, 1, payload),
            Ok(Decoded::Several(vec![(
                2,
                Deposits::Deposited { cents: 500 }
            )]))
        );
        assert_eq!(
            read::<Deposits>(older, 1, r#"{"owner":"ann"}"#),
            Ok(Decoded::Nothing)
        );
    }
}

#[test]
fn what_newer_code_has_written_is_an_error_and_not_a_guess() {
    let newer = r#"{"cents":1,"currency":"EUR","by":"bob"}"#;
    let error = read::<AccountEvent>("Deposited", 4, newer).expect_err("is newer");
    assert_eq!(
        error,
        "schema version 4 of event type `Deposited` was written by newer code; this code knows up to 3: deploy the newer code \
         here, too"
    );
    assert!(
        read::<AccountEvent>("Pinged", 3, "null").is_err(),
        "2 would be read"
    );
    // A partial reader reads what it can.
    assert_eq!(
        read("Deposited", 4, newer),
        Ok(Decoded::One(Deposits::Deposited { cents: 1 }))
    );
    let error = read::<Deposits>("Deposited", 4, r#"{"amount":1}"#).expect_err("cannot be read");
    assert!(error.contains("was written by newer code"), "{error}");
    // Nobody can say whether newer or older code wrote a type that the enum does not have.
    let error = read::<AccountEvent>("Frozen", 2, "null").expect_err("unknown");
    assert!(error.contains("event type `Frozen` is unknown"), "{error}");
}

/// Detects an aggregate whose state lacks a part, because its enum is partial.
#[test]
fn an_aggregate_reads_every_part_and_no_newer_event() {
    let read = |event_type, version, payload| {
        let read = read_by(decode_for_state::<Deposits>, event_type, version, payload);
        read.expect_err("the state would be wrong")
    };
    let split = read("Opened", 1, r#"{"owner":"ann","euros":5}"#);
    assert!(split.contains("event type `Opened` is unknown"), "{split}");
    let unread = read("Unread", 1, "{}");
    assert!(
        unread.contains("event type `Unread` is unknown"),
        "{unread}"
    );
    let newer = read("Deposited", 4, r#"{"cents":1}"#);
    assert!(newer.contains("was written by newer code"), "{newer}");
}

#[test]
fn an_upcaster_that_fails_is_named() {
    let failed = |event_type, version, payload, reason: &str| {
        let error = read::<AccountEvent>(event_type, version, payload).expect_err("fails");
        let step = format!("the upcaster of event type `{event_type}` from schema version ");
        assert!(
            error.starts_with(&step) && error.contains(reason),
            "{error}"
        );
    };
    let rich = r#"{"euros":340282366920938463463374607431768211455}"#;
    failed(
        "Deposited",
        1,
        rich,
        "1 does not return an event that can be read; correct it in `UPCASTERS`: it panicked: too rich",
    );
    failed("Deposited", 1, r#"{"cents":1}"#, "missing field `euros`");
    failed(
        "Deposited",
        2,
        "[1]",
        "it panicked: cannot access key \"currency\"",
    );
    failed("Deposited", 2, r#"{"cent":1}"#, "missing field `cents`");
    failed("Deposited", 2, "{", "EOF while parsing");
    failed(
        "Deposited",
        2,
        r#"{"cents":340282366920938463463374607431768211455}"#,
        "cannot hold exactly",
    );
    failed("Broken", 1, "{}", "it returned a part of type `Closed`");
    failed("Unread", 1, "{}", "event type `Unread` is unknown");
    let not_needed = read::<Deposits>("Unread", 1, "{");
    assert_eq!(not_needed, Ok(Decoded::Nothing));
    // The typed upcaster reads it, the upcaster on a JSON value would round it.
    let large = r#"{"euros":340282366920938463463374607431768211}"#;
    failed("Deposited", 1, large, "cannot hold exactly");
}

#[test]
fn a_filter_knows_the_older_types() {
    let types: Vec<_> = steps::older_types(AccountEvent::UPCASTERS, &["Deposited"]).collect();
    assert_eq!(types, [&"Created", &"Founded", &"Opened"]);
    let types: Vec<_> = steps::older_types(AccountEvent::UPCASTERS, &["Closed"]).collect();
    assert!(types.is_empty(), "{types:?}");
    // Types that change places, by version.
    const SWAPPED: &[Upcaster] = &[
        Upcaster::renamed("A", 1, "B", 1),
        Upcaster::renamed("B", 1, "A", 2),
    ];
    const { steps::check(SWAPPED) };
    let types: Vec<_> = steps::older_types(SWAPPED, &["A"]).collect();
    assert_eq!(types, [&"B"]);
}

#[test]
fn a_fingerprint_knows_where_steps_lead_and_not_their_order() {
    const NONE: fn(&mut Value) = |_| {};
    let one = [Upcaster::json("A", 1, NONE), Upcaster::json("A", 2, NONE)];
    let other = [one[1], one[0]];
    assert_eq!(steps::fingerprint(&one), steps::fingerprint(&other));
    let different = [
        &one[..1],
        &[Upcaster::json("B", 1, NONE)],
        &[Upcaster::renamed("A", 1, "A", 3)],
        &[Upcaster::dropped("A", 1)],
        &[],
    ];
    let mut fingerprints = Vec::from(different.map(steps::fingerprint));
    fingerprints.sort_unstable();
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), different.len());
}

/// What the compiler says of a list.
fn rejected(steps: &[Upcaster]) -> String {
    let checked = std::panic::catch_unwind(|| steps::check(steps));
    crate::model::message_of(&*checked.expect_err("is rejected"))
}

#[test]
fn a_list_with_a_mistake_is_not_compiled() {
    let json = |event_type, from| Upcaster::json(event_type, from, |_| {});
    for (steps, words) in [
        (
            vec![json("A", 0)],
            "the upcaster of `A` from schema version 0 begins at 0, but schema versions are counted from 1",
        ),
        (
            vec![json("A", 1), json("A", 30)],
            "the upcaster of `A` from schema version 30 has no upcaster before it: begin at 1, leave no gap",
        ),
        (
            vec![json("A", 2)],
            "the upcaster of `A` from schema version 2 has no upcaster before it: begin at 1, leave no gap",
        ),
        (
            vec![json("A", 1), json("B", 1), json("A", 1)],
            "the upcaster of `A` from schema version 1 is there twice: two upcasters begin at the same schema version of the type",
        ),
        (
            vec![Upcaster::renamed("Opened", 1, "B", 2)],
            "the upcaster of `Opened` from schema version 1 leads to a schema version that does not exist: add the upcasters \
             before it, or correct its number",
        ),
        (vec![Upcaster::renamed("A", 1, "B", 0)], "does not exist"),
        (
            vec![Upcaster::split(
                "A",
                1,
                &[("B", 1), ("C", 1), ("B", 1)],
                |_| vec![],
            )],
            "the upcaster of `A` from schema version 1 lists a type twice: list each type once, with one schema version",
        ),
        (
            vec![Upcaster::renamed("A", 1, "A", 1)],
            "the upcaster of `A` from schema version 1 leads in a circle: let it end at another event type, or at a newer schema version",
        ),
        (
            vec![
                Upcaster::renamed("A", 1, "B", 1),
                Upcaster::renamed("B", 1, "A", 1),
            ],
            "in a circle",
        ),
        (
            vec![
                json("A", 1),
                Upcaster::split("A", 2, &[("B", 1), ("A", 1)], |_| vec![]),
            ],
            "in a circle",
        ),
    ] {
        let message = rejected(&steps);
        assert!(
            message.starts_with("UPCASTERS: ") && message.contains(words),
            "{message}"
        );
    }
}

#[test]
fn a_message_is_cut_off_and_not_lost() {
    let name: &'static str = "ä".repeat(600).leak();
    let message = rejected(&[Upcaster::json(name, 0, |_| {})]);
    assert!(message.starts_with("UPCASTERS: "), "{message}");
}

/// Ten years of changes every month, in the order that costs the compiler most.
#[test]
fn two_hundred_steps_can_be_compiled() {
    const LONG: [Upcaster; 200] = {
        let mut steps = [Upcaster::dropped("A", 1); 200];
        let mut index = 0;
        while index < 200 {
            let from = 200 - index;
            steps[index as usize] = Upcaster::json("A", from, |_| {});
            index += 1;
        }
        steps
    };
    const { steps::check(&LONG) };
    assert_eq!(steps::current(&LONG, "A"), 201);
}
