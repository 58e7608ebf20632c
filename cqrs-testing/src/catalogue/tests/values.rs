//! The events that are generated of a type.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::*;

/// What would be stored of the only type of `E`.
fn payloads<E: Event>() -> Vec<String> {
    let subject = Subject::of::<E>(&[]).expect("can be generated");
    let types = subject.types.values();
    types
        .flat_map(|current| current.payloads.iter().map(|payload| payload.text.clone()))
        .collect()
}

macro_rules! made_of {
    ($($item:item)+) => {{
        $(#[derive(Debug, Serialize, Deserialize)] $item)+
        impl Event for T {
            const CATEGORY: &'static str = "t";
        }
        payloads::<T>()
    }};
}

#[test]
fn each_optional_field_is_there_and_is_not() {
    let made = made_of! {
        enum T {
            A {
                required: u64,
                plain: Option<u8>,
                #[serde(skip_serializing_if = "Option::is_none")] skipped: Option<Inner>,
                #[serde(default)] with_default: bool,
                #[serde(default, skip_serializing_if = "Vec::is_empty")] list: Vec<Option<char>>,
            },
        }
        struct Inner { name: String, other: Option<String> }
    };
    assert_eq!(
        made,
        [
            r#"{"required":3,"plain":2,"skipped":{"name":"a","other":"b"},"with_default":true,"list":["a"]}"#,
            r#"{"required":3,"plain":null,"with_default":false}"#,
            r#"{"required":0,"plain":0,"skipped":{"name":"","other":""},"with_default":false,"list":["a","a"]}"#,
            // As other code may have written it: this one leaves an empty list out.
            r#"{"list":[],"plain":2,"required":3,"skipped":{"name":"a","other":"b"},"with_default":true}"#,
        ]
    );
}

#[test]
fn every_variant_within_is_there_once() {
    let made = made_of! {
        enum T { A { first: E, list: Vec<E> } }
        enum E { Bare, New(u8), Both(bool, f64), Deep { inner: D } }
        enum D { One, Two }
    };
    let all = made.join("\n");
    for variant in [
        r#""Bare""#,
        r#"{"New":1},"list":[{"New":2}]"#,
        r#"{"Both":[true,1.0]},"list":[{"Both":[true,2.0]}]"#,
        r#"{"New":0}"#,
        r#"{"Both":[false,-0.5]}"#,
        r#"{"inner":"One"}"#,
        r#"{"inner":"Two"}"#,
    ] {
        assert!(all.contains(variant), "{variant} is missing: {all}");
    }
    assert!(made.len() <= 9, "{all}");
}

#[test]
fn types_with_rules_and_recursion_are_generated() {
    let made = made_of! {
        enum T {
            A { id: uuid::Uuid, at: std::net::IpAddr, count: std::num::NonZeroU8, map: BTreeMap<u64, (u8, char)>, tree: Tree },
        }
        struct Tree { left: Option<Box<Self>>, right: Vec<Self> }
    };
    let id = "00000000-0000-0000-0000-000000000001";
    assert_eq!(
        made[0],
        format!(
            r#"{{"id":"{id}","at":"127.0.0.1","count":1,"map":{{"2":[3,"d"]}},"tree":{{"left":null,"right":[]}}}}"#
        )
    );
}

#[test]
fn another_name_of_a_field_or_a_type_is_not_another_event() {
    let made = made_of! {
        enum T {
            #[serde(alias = "Old")]
            A {
                #[serde(alias = "amount", alias = "value")] cents: u64,
                #[serde(alias = "b", default)] a: Option<Inner>,
            },
        }
        struct Inner { #[serde(alias = "y")] x: u8 }
    };
    assert_eq!(
        made,
        [
            r#"{"cents":2,"a":{"x":1}}"#,
            r#"{"cents":2,"a":null}"#,
            r#"{"cents":0,"a":{"x":0}}"#,
        ]
    );
}

#[derive(Debug, Serialize, Deserialize)]
enum AccountEvent {
    Noted { text: Value, by: Option<String> },
    Numbered { iban: Iban },
    Opened,
}

impl Event for AccountEvent {
    const CATEGORY: &'static str = "account";
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Iban(String);

impl TryFrom<String> for Iban {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.starts_with("DE")
            .then_some(Self(text))
            .ok_or("it must begin with DE")
    }
}

impl From<Iban> for String {
    fn from(Iban(text): Iban) -> Self {
        text
    }
}

#[test]
fn a_type_that_cannot_be_made_up_needs_a_sample() {
    let folder = Folder::new();
    let without = || folder.catalogue().events::<AccountEvent>();
    assert_eq!(
        refused(&folder, &without()),
        "events.lock:\n\
         - no event `Noted` of account can be generated: serde buffers `.text`, so its shape is not known.\n  Give one: \
         `.sample(AccountEvent::Noted { .. })`, with every optional field, and more of them if it has an enum within.\n\
         - no event `Numbered` of account can be generated: it rejects generated values: it must begin with DE.\n  Give one: \
         `.sample(AccountEvent::Numbered { .. })`, with every optional field, and more of them if it has an enum within."
    );
    let iban = Iban("DE02".to_owned());
    let noted = |by: Option<&str>| AccountEvent::Noted {
        text: serde_json::json!({ "a": [1] }),
        by: by.map(str::to_owned),
    };
    let with = without()
        .sample(AccountEvent::Numbered { iban })
        .sample(noted(Some("ann")));
    accepted(&with);
    for payload in [
        r#"{"iban":"DE02"}"#,
        r#"{"text":{"a":[1]},"by":"ann"}"#,
        r#"{"text":{"a":[1]},"by":null}"#,
    ] {
        assert!(folder.lock().contains(payload), "{payload}");
    }
}

#[test]
fn only_the_enum_that_is_written_is_listed() {
    #[derive(Debug, Serialize, Deserialize)]
    enum Reader {
        Opened,
    }
    impl Event for Reader {
        const CATEGORY: &'static str = "account";
        const PARTIAL: bool = true;
    }
    #[derive(Debug, Serialize, Deserialize)]
    struct NoEnum {
        a: u8,
    }
    impl Event for NoEnum {
        const CATEGORY: &'static str = "none";
    }
    let folder = Folder::new();
    assert_eq!(
        refused(&folder, &folder.catalogue().events::<Reader>()),
        "events.lock:\n\
         - the enum of `account` is `PARTIAL`, so it does not have every event type.\n  List the one that is written. A reader has a \
         `consumer_contract!`."
    );
    let two = folder
        .catalogue()
        .events::<Reader>()
        .events::<AccountEvent>();
    let reason = refused(&folder, &two);
    assert!(
        reason.contains("- two enums have the category `account`.\n  List the one that is written. A reader has a `consumer_contract!`."),
        "{reason}"
    );
    assert_eq!(
        refused(&folder, &folder.catalogue().events::<NoEnum>()),
        "events.lock:\n- `NoEnum` is no event enum: events are an externally tagged enum, serde's default."
    );
}
