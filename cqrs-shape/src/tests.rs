use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::*;

mod limits;
mod random;
mod rejections;

/// The fingerprint of the type called `T` among the given items. The braces keep each call on one line.
macro_rules! of {
    ($($item:item)+) => {{
        $(#[derive(Serialize, Deserialize)] $item)+
        fingerprint::<T>()
    }};
}

#[track_caller]
fn assert_traced<T: DeserializeOwned>(lines: &str) {
    let expected = lines.lines().map(str::trim).collect::<BTreeSet<_>>();
    assert_eq!(
        shape::<T>().to_string().lines().collect::<BTreeSet<_>>(),
        expected
    );
}

#[track_caller]
fn assert_distinct(fingerprints: &[u64]) {
    for (index, fingerprint) in fingerprints.iter().enumerate() {
        let same = fingerprints.iter().position(|other| other == fingerprint);
        assert_eq!(same, Some(index), "two shapes share a fingerprint");
    }
}

#[test]
fn a_field_that_is_added_removed_or_renamed_counts() {
    assert_distinct(&[
        of! { struct T {} },
        of! { struct T { a: u32 } },
        of! { struct T { b: u32 } },
        of! { struct T { #[serde(rename = "c")] a: u32 } },
        of! { struct T { a: u32, b: u32 } },
        of! { struct T { a: u32, #[serde(default)] d: u32 } },
        of! { struct T { a: u32, #[serde(default, skip_serializing_if = "Vec::is_empty")] e: Vec<u32> } },
        of! { #[serde(default)] #[derive(Default)] struct T { a: u32, f: u32 } },
        of! { #[serde(deny_unknown_fields)] struct T { a: u32, g: u32 } },
    ]);
}

#[test]
fn the_type_of_a_field_counts() {
    assert_distinct(&[
        of! { struct T { a: u32 } },
        of! { struct T { a: u64 } },
        of! { struct T { a: i64 } },
        of! { struct T { a: f64 } },
        of! { struct T { a: bool } },
        of! { struct T { a: char } },
        of! { struct T { a: String } },
        of! { struct T { a: () } },
        of! { struct T { a: Option<u32> } },
        of! { struct T { a: Vec<u32> } },
        of! { struct T { a: Vec<Option<u32>> } },
        of! { struct T { a: Option<Vec<u32>> } },
        of! { struct T { a: (u32,) } },
        of! { struct T { a: (u32, u32) } },
        of! { struct T { a: [u32; 3] } },
        of! { struct T { a: HashMap<String, u32> } },
        of! { struct T { a: HashMap<String, u64> } },
        of! { struct T { a: HashMap<u64, u32> } },
        of! { struct T { a: U } struct U { a: u32 } },
        of! { struct T { a: U } struct U { b: u32 } },
        of! { struct T { a: U } enum U { A } },
        of! { struct T { a: serde_json::Value } },
    ]);
}

#[test]
fn the_variants_of_an_enum_and_their_content_count() {
    assert_distinct(&[
        of! { enum T { A, B, C } },
        of! { enum T { A, B } },
        of! { enum T { A, B, D } },
        of! { enum T { A, B, #[serde(rename = "E")] C } },
        of! { enum T { A, B, C() } },
        of! { enum T { A, B, C {} } },
        of! { enum T { A, B, C(()) } },
        of! { enum T { A, B, C(u32) } },
        of! { enum T { A, B(u32), C } },
        of! { enum T { A(u32), B, C } },
        of! { enum T { A, B, C(u32, u32) } },
        of! { enum T { A, B, C(u32, u64) } },
        of! { enum T { A, B, C { a: u32 } } },
        of! { enum T { A, B, C { a: u64 } } },
        of! { enum T { A, B, C { b: u32 } } },
    ]);
}

#[derive(Serialize, Deserialize)]
struct Struct<T> {
    inner: T,
}

#[derive(Serialize, Deserialize)]
struct Newtype<T>(T);

#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Transparent<T> {
    inner: T,
}

#[derive(Serialize, Deserialize)]
struct Tuple<T>(u8, T);

#[derive(Serialize, Deserialize)]
enum InFirst<T> {
    First(T),
    Last,
}

#[derive(Serialize, Deserialize)]
enum InLast<T> {
    First { a: u8 },
    Last { a: u8, b: T },
}

type FirstOfPair<T> = (T, u8);
type LastOfPair<T> = (u8, T);
type Array<T> = [T; 2];
type Key<T> = BTreeMap<T, u8>;
type Value<T> = HashMap<String, T>;

#[test]
fn a_change_counts_at_any_place() {
    macro_rules! counts_in {
        ($($holder:ident)*) => {$(
            let within = concat!("in ", stringify!($holder));
            assert_ne!(fingerprint::<$holder<u32>>(), fingerprint::<$holder<u64>>(), "{within}");
            assert_ne!(
                fingerprint::<Vec<Struct<$holder<$holder<Option<u32>>>>>>(),
                fingerprint::<Vec<Struct<$holder<$holder<Option<u64>>>>>>(),
                "deep {within}"
            );
        )*};
    }
    counts_in! {
        Struct Newtype Transparent Tuple InFirst InLast FirstOfPair LastOfPair Array Key Value Box Option Vec
    }
}

#[test]
fn names_of_types_do_not_count() {
    assert_eq!(
        of! { struct T { a: A, b: B, c: C } struct A { x: u32 } struct B(u32, u32); enum C { Y(u32) } },
        of! { struct T { a: D, b: E, c: F } struct D { x: u32 } struct E(u32, u32); enum F { Y(u32) } },
    );
    assert_eq!(
        of! { struct T { a: u32 } },
        of! { #[serde(rename = "Other")] struct T { a: u32 } },
    );
}

#[test]
fn a_newtype_has_the_fingerprint_of_its_content() {
    let plain = of! { struct T { a: u32 } };
    assert_eq!(plain, of! { struct T { a: Newtype<u32> } });
    assert_eq!(plain, of! { struct T { a: Box<Transparent<u32>> } });
}

#[test]
fn the_order_of_fields_and_variants_does_not_count() {
    assert_eq!(
        of! { struct T { a: u32, b: (String, u32), c: Vec<u8> } },
        of! { struct T { c: Vec<u8>, a: u32, b: (String, u32) } },
    );
    assert_eq!(
        of! { enum T { A, B { x: u8, y: u16 } } },
        of! { enum T { B { y: u16, x: u8 }, A } },
    );
}

#[test]
fn names_are_not_mistaken_for_structure() {
    assert_distinct(&[
        of! { struct T { a: U } struct U { b: u32 } },
        of! { struct T { a: U, #[serde(rename = "a.b")] b: u32 } struct U {} },
        of! { struct T { a: U, #[serde(rename = "a\".\"b")] b: u32 } struct U {} },
        of! { struct T { a: U, #[serde(rename = "a: u32\n$")] b: u32 } struct U {} },
    ]);
}

/// One of each construct. A change of these literals means that every stored snapshot becomes stale.
#[test]
fn a_trace_and_its_fingerprint_never_change() {
    #[derive(Serialize, Deserialize)]
    struct Order {
        id: uuid::Uuid,
        customer: Option<Newtype<String>>,
        lines: Vec<Line>,
        #[serde(default, rename = "paid-with")]
        paid: Payment,
        discounts: BTreeMap<String, [f64; 2]>,
        replaces: Option<Box<Self>>,
        notes: serde_json::Value,
    }
    #[derive(Serialize, Deserialize)]
    struct Line {
        article: u64,
        count: std::num::NonZeroU32,
    }
    #[derive(Default, Serialize, Deserialize)]
    enum Payment {
        #[default]
        Open,
        Cash(i128),
        Card {
            number: String,
            valid: (u8, u16),
        },
    }
    assert_eq!(
        shape::<Order>().to_string(),
        r#"$."customer": option
$."customer"?: string
$."discounts": map
$."discounts"{key}: string
$."discounts"{}.0: f64
$."discounts"{}.1: f64
$."discounts"{}: tuple of 2
$."id": string
$."lines": seq
$."lines"[]."article": u64
$."lines"[]."count": u32
$."lines"[]: struct
$."notes": any
$."paid-with": enum
$."paid-with"::"Card"."number": string
$."paid-with"::"Card"."valid".0: u8
$."paid-with"::"Card"."valid".1: u16
$."paid-with"::"Card"."valid": tuple of 2
$."paid-with"::"Card": struct
$."paid-with"::"Cash": i128
$."paid-with"::"Open": bare
$."replaces": option
$."replaces"?: the type 2 up
$: struct
"#
    );
    assert_eq!(fingerprint::<Order>(), 0xac61_a415_7099_d136);
    assert_eq!(fingerprint::<Order>(), fingerprint::<Order>());
}
