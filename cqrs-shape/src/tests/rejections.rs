//! Types that reject samples, or do not say what they read.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    net::IpAddr,
    num::NonZeroU32,
};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor},
};
use serde_json::{Value, value::RawValue};
use uuid::Uuid;

use super::assert_traced;

/// A string with a rule that no sample satisfies.
#[derive(Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(try_from = "String")]
struct Iban(String);

impl TryFrom<String> for Iban {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.starts_with("DE") {
            Ok(Self(text))
        } else {
            Err("must begin with DE")
        }
    }
}

#[test]
fn a_part_that_rejects_samples_does_not_hide_others() {
    #[derive(Serialize, Deserialize)]
    struct T {
        a: Iban,
        b: Uuid,
        c: NonZeroU32,
        d: BTreeMap<Iban, HashMap<Iban, u16>>,
        e: BTreeSet<Iban>,
        f: E,
        g: u64,
    }
    #[derive(Serialize, Deserialize)]
    enum E {
        A(Iban),
        B { h: Iban, i: u32 },
    }
    assert_traced::<T>(
        r#"$: struct
        $."a": string
        $."b": string
        $."c": u32
        $."d": map
        $."d"{key}: string
        $."d"{}: map
        $."d"{}{key}: string
        $."d"{}{}: u16
        $."e": seq
        $."e"[]: string
        $."f": enum
        $."f"::"A": string
        $."f"::"B": struct
        $."f"::"B"."h": string
        $."f"::"B"."i": u32
        $."g": u64"#,
    );
}

#[test]
fn tuple_elements_are_seen_up_to_a_rejected_sample() {
    #[derive(Serialize, Deserialize)]
    struct T {
        tuple: (Uuid, NonZeroU32, Struct, u8, Iban, Uuid),
    }
    #[derive(Serialize, Deserialize)]
    struct Struct {
        a: Vec<Iban>,
        b: E,
    }
    #[derive(Serialize, Deserialize)]
    enum E {
        A(Iban),
        B { b: IpAddr },
    }
    assert_traced::<T>(
        r#"$: struct
        $."tuple": tuple of 6
        $."tuple".0: string
        $."tuple".1: u32
        $."tuple".2: struct
        $."tuple".2."a": seq
        $."tuple".2."a"[]: string
        $."tuple".2."b": enum
        $."tuple".2."b"::"A": string
        $."tuple".2."b"::"B": struct
        $."tuple".2."b"::"B"."b": string
        $."tuple".3: u8
        $."tuple".4: string
        $."tuple".5: unseen"#,
    );
}

#[test]
fn buffered_parts_are_opaque_and_hide_no_others() {
    #[derive(Serialize, Deserialize)]
    struct T {
        a: Internal,
        b: Untagged,
        c: Adjacent,
        d: Value,
        e: Box<RawValue>,
        f: (Value, u8),
        g: u64,
    }
    #[derive(Serialize, Deserialize)]
    #[serde(tag = "type")]
    enum Internal {
        A { x: u8 },
    }
    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        A { x: u8 },
        B(String),
    }
    #[derive(Serialize, Deserialize)]
    #[serde(tag = "type", content = "content")]
    enum Adjacent {
        A { x: u8 },
        B,
    }
    assert_traced::<T>(
        r#"$: struct
        $."a": any
        $."b": any
        $."c": struct
        $."c"."type": enum
        $."c"."type"::"A": bare
        $."c"."type"::"B": bare
        $."c"."content": any
        $."d": any
        $."e": unseen
        $."f": tuple of 2
        $."f".0: any
        $."f".1: u8
        $."g": u64"#,
    );
}

#[test]
fn required_fields_beside_a_flattened_one_are_seen() {
    #[derive(Serialize, Deserialize)]
    struct T {
        a: u8,
        b: Uuid,
        c: Option<u8>,
        #[serde(default)]
        d: u8,
        e: Vec<E>,
        #[serde(flatten)]
        rest: Rest,
    }
    #[derive(Serialize, Deserialize)]
    struct E {
        x: Option<u8>,
    }
    #[derive(Serialize, Deserialize)]
    struct Rest {
        f: String,
        g: Option<u8>,
    }
    assert_traced::<T>(
        r#"$: map
        ${key}: identifier
        ${}: any
        $."a": u8
        $."b": string
        $."e": seq
        $."e"[]: struct
        $."e"[]."x": option
        $."e"[]."x"?: u8
        $."f": any"#,
    );
}

/// Its `Deserialize` panics when the string is not a number.
#[derive(Serialize)]
struct Panicking(u32);

impl<'de> Deserialize<'de> for Panicking {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(Self(text.parse().expect("a number")))
    }
}

/// A map or list that skips broken entries.
struct Lenient;

impl<'de> Deserialize<'de> for Lenient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Self)
    }
}

impl<'de> Visitor<'de> for Lenient {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while !matches!(map.next_key::<Iban>(), Ok(None)) {
            let _ = map.next_value::<u8>();
        }
        Ok(self)
    }
}

#[test]
fn a_deserialize_that_panics_or_ignores_errors_is_traced() {
    assert_traced::<(u8, Panicking, u8)>(
        r"$: tuple of 3
        $.0: u8
        $.1: string
        $.2: u8",
    );
    assert_traced::<(Lenient, u8)>(
        r"$: tuple of 2
        $.0: map
        $.0{key}: string
        $.0{}: u8
        $.1: u8",
    );
}
