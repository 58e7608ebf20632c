use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::*;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
enum Sample {
    Unit,
    Newtype(Option<u64>),
    Wide(u128),
    Pair(i64, String),
    Fields {
        first_name: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tags: Vec<String>,
    },
    #[serde(rename = "gone-away")]
    Renamed {},
}

fn samples() -> impl Strategy<Value = Sample> {
    prop_oneof![
        Just(Sample::Unit),
        any::<Option<u64>>().prop_map(Sample::Newtype),
        any::<u128>().prop_map(Sample::Wide),
        any::<(i64, String)>().prop_map(|(n, s)| Sample::Pair(n, s)),
        any::<(String, Vec<String>)>()
            .prop_map(|(first_name, tags)| Sample::Fields { first_name, tags }),
        Just(Sample::Renamed {}),
    ]
}

fn encoded<E: Serialize>(event: &E) -> (&'static str, String) {
    let mut payload = Vec::new();
    let (event_type, _) = write(event, &mut payload).expect("encodes");
    (
        event_type,
        String::from_utf8(payload).expect("JSON is UTF-8"),
    )
}

proptest! {
    #[test]
    fn every_encoded_event_decodes_to_itself(sample in samples()) {
        let (event_type, payload) = encoded(&sample);
        prop_assert_eq!(decode::<Sample>(event_type, payload.as_bytes()).expect("decodes"), sample);
    }

    #[test]
    fn payloads_equal_those_of_serde_json(sample in samples()) {
        let (event_type, payload) = encoded(&sample);
        let whole = serde_json::to_string(&sample).expect("encodes");
        let expected = match &sample {
            Sample::Unit => format!("{event_type:?}"),
            _ => format!("{{{event_type:?}:{payload}}}"),
        };
        prop_assert_eq!(whole, expected);
    }
}

#[test]
fn the_type_is_the_name_serde_gives_the_variant() {
    assert_eq!(encoded(&Sample::Renamed {}), ("gone-away", "{}".to_owned()));
    assert_eq!(
        event_types::<Sample>().expect("an enum"),
        ["Unit", "Newtype", "Wide", "Pair", "Fields", "gone-away"]
    );
}

#[test]
fn variants_that_lost_or_gained_all_fields_stay_readable() {
    assert_eq!(
        decode::<Sample>("Unit", br#"{"was":1}"#).expect("decodes"),
        Sample::Unit
    );
    assert_eq!(
        decode::<Sample>("gone-away", b"null").expect("decodes"),
        Sample::Renamed {}
    );
}

#[test]
fn an_unknown_type_names_the_known_ones() {
    let error = decode::<Sample>("Gone", b"{}").expect_err("unknown");
    assert!(
        matches!(&error, CodecError::UnknownType { event_type, .. } if event_type == "Gone"),
        "{error}"
    );
    assert!(error.to_string().contains("Unit, Newtype"), "{error}");
}

/// serde quotes the value that it did not expect.
#[test]
fn the_text_of_an_error_is_bounded() {
    let payload = format!(r#""{}""#, "x".repeat(1 << 20));
    let error = decode::<Sample>("Newtype", payload.as_bytes()).expect_err("no number");
    assert!(
        error.to_string().len() < 2 * MAX_TEXT,
        "{}",
        error.to_string().len()
    );
    let text = "x".repeat(1 << 20);
    let custom = <CodecError as serde::de::Error>::custom(text);
    assert!(custom.to_string().len() < 2 * MAX_TEXT);
}

#[test]
fn a_broken_payload_is_an_error() {
    for payload in [
        "",
        "{",
        "[1]",
        r#"{"firstName":1}"#,
        r#"{"firstName":"a"} x"#,
    ] {
        assert!(
            matches!(
                decode::<Sample>("Fields", payload.as_bytes()),
                Err(CodecError::Json(_))
            ),
            "{payload}"
        );
    }
}

#[test]
fn other_shapes_than_tagged_enums_are_rejected() {
    #[derive(Serialize, Deserialize)]
    struct Plain {}
    #[derive(Serialize, Deserialize)]
    #[serde(tag = "type")]
    enum Internal {
        Variant {},
    }
    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Variant(Value),
    }
    let rejected = |result: Result<_, _>| matches!(result, Err(CodecError::NotAnEnum { .. }));
    assert!(rejected(write(&Plain {}, &mut Vec::new())));
    assert!(rejected(write(&Internal::Variant {}, &mut Vec::new())));
    assert!(rejected(write(
        &Untagged::Variant(Value::Null),
        &mut Vec::new()
    )));
    assert!(
        event_types::<Plain>().is_err()
            && event_types::<Internal>().is_err()
            && event_types::<Untagged>().is_err()
    );
}

#[test]
fn an_event_that_cannot_be_read_back_is_rejected() {
    #[derive(Serialize, Deserialize)]
    enum Measured {
        At { celsius: f64 },
    }
    impl crate::model::Event for Measured {
        const CATEGORY: &'static str = "measured";
    }
    let encode = |celsius| {
        crate::model::NewEvent::encode(&Measured::At { celsius }, crate::model::Metadata::default())
    };
    assert!(encode(21.5).is_ok());
    let error = encode(f64::NAN).expect_err("null is no number");
    assert!(
        matches!(
            error,
            CodecError::Unreadable {
                event_type: "At",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn an_event_that_null_would_change_is_rejected() {
    #[expect(clippy::option_option, reason = "it is what is tested")]
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Measured {
        At {
            celsius: Option<f64>,
            note: Option<Option<String>>,
        },
        Again(Option<()>),
    }
    let encode = |event: Measured| encode(&event, &mut Vec::new()).map(|(_, back)| back == event);
    let at = |celsius, note| encode(Measured::At { celsius, note });
    assert!(matches!(
        at(Some(f64::MAX), Some(Some(String::new()))),
        Ok(true)
    ));
    assert!(matches!(at(None, None), Ok(true)));
    assert!(matches!(encode(Measured::Again(None)), Ok(true)));
    for refused in [
        at(Some(f64::NAN), None),
        at(None, Some(None)),
        encode(Measured::Again(Some(()))),
    ] {
        let Err(CodecError::Unreadable { reason, .. }) = refused else {
            panic!("{refused:?}")
        };
        assert!(matches!(*reason, CodecError::NullInOption), "{reason:?}");
    }
}
