//! Recursive types, and types that are too large.

use std::{collections::BTreeMap, fmt, sync::LazyLock};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{EnumAccess, IgnoredAny, VariantAccess, Visitor},
};

use super::assert_traced;
use crate::{MAX_DEPTH, MAX_READS, shape};

#[test]
fn recursion_ends() {
    #[derive(Serialize, Deserialize)]
    struct Tree {
        left: Option<Box<Self>>,
        right: Vec<Node>,
    }
    #[derive(Serialize, Deserialize)]
    struct Node(BTreeMap<u8, Tree>, Expression, u8);
    #[derive(Serialize, Deserialize)]
    enum Expression {
        Not(Box<Self>),
        Literal(u64),
    }
    assert_traced::<Tree>(
        r#"$: struct
        $."left": option
        $."left"?: the type 2 up
        $."right": seq
        $."right"[]: tuple of 3
        $."right"[].0: map
        $."right"[].0{key}: u8
        $."right"[].0{}: the type 4 up
        $."right"[].1: enum
        $."right"[].1::"Not": the type 1 up
        $."right"[].1::"Literal": u64
        $."right"[].2: u8"#,
    );
}

#[test]
fn the_trace_of_an_endless_type_ends() {
    #[derive(Serialize, Deserialize)]
    struct Endless(Box<Self>);
    assert_traced::<Endless>("$: the type 0 up");
    assert_traced::<(Endless, u8)>("$: tuple of 2\n$.0: the type 0 up\n$.1: unseen");

    /// A list of lists of lists, without a name that would show the recursion.
    struct Nameless;
    impl<'de> Deserialize<'de> for Nameless {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            Vec::<Self>::deserialize(deserializer).map(|_| Self)
        }
    }
    let trace = shape::<Nameless>().to_string();
    assert_eq!(trace.lines().count(), MAX_DEPTH + 2);
    assert!(trace.contains("[]: unseen"), "{trace}");
}

/// More variants than the limit on reads, in one order or the other.
struct Huge<const BACKWARDS: bool>;

const VARIANTS: usize = MAX_READS + 10;

impl<'de, const BACKWARDS: bool> Deserialize<'de> for Huge<BACKWARDS> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        static FORTH: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
            let name = |n| &*format!("v{n}").leak();
            (0..VARIANTS).map(name).collect()
        });
        static BACK: LazyLock<Vec<&'static str>> =
            LazyLock::new(|| FORTH.iter().rev().copied().collect());
        let names = if BACKWARDS { &*BACK } else { &*FORTH };
        deserializer.deserialize_enum("Huge", names, Self)
    }
}

impl<'de, const BACKWARDS: bool> Visitor<'de> for Huge<BACKWARDS> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a variant with a number")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Self, A::Error> {
        let (_, content) = data.variant::<IgnoredAny>()?;
        content.newtype_variant::<u8>()?;
        Ok(self)
    }
}

#[test]
fn a_huge_enum_keeps_all_its_names_in_any_order() {
    let forth = shape::<Huge<false>>().to_string();
    let unseen = forth.lines().filter(|line| line.ends_with("unseen"));
    assert_eq!(unseen.count(), VARIANTS + 1 - MAX_READS);
    assert_eq!(forth.lines().count(), VARIANTS + 1);
    assert!(
        forth == shape::<Huge<true>>().to_string(),
        "the order is in the trace"
    );
}
