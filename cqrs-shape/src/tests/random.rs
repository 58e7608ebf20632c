//! Random types: the trace equals the description of the type and does not depend on the order of its parts.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
};

use proptest::{collection::vec, prelude::*};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor},
};

use crate::shape;

const NAMES: [&str; 4] = ["a", "b.c", "D", "e f"];

/// The description of a type.
#[derive(Debug, Clone)]
enum Type {
    Number,
    Text,
    /// A string that accepts no sample.
    Stubborn,
    Option(Box<Self>),
    List(Box<Self>),
    Map(Box<(Self, Self)>),
    Pair(Box<(Self, Self)>),
    Struct(Parts),
    Enum(Parts),
}

/// The parts of a named type.
#[derive(Debug, Clone)]
struct Parts {
    of: &'static str,
    names: &'static [&'static str],
    types: Vec<Type>,
}

impl Parts {
    fn new(types: Vec<Type>, backwards: bool) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let of = format!("Type{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let mut parts: Vec<_> = NAMES.into_iter().zip(types).collect();
        if backwards {
            parts.reverse();
        }
        let (names, types): (Vec<_>, _) = parts.into_iter().unzip();
        Self {
            of: of.leak(),
            names: names.leak(),
            types,
        }
    }

    fn named<E: Error>(&self, name: &str) -> Result<&Type, E> {
        let index = self.names.iter().position(|known| *known == name);
        index
            .map(|index| &self.types[index])
            .ok_or_else(|| E::unknown_field(name, self.names))
    }
}

impl Type {
    /// Whether a sample can be made.
    fn is_easy(&self) -> bool {
        match self {
            Self::Stubborn => false,
            Self::Number | Self::Text | Self::Option(_) | Self::List(_) | Self::Map(_) => true,
            Self::Pair(pair) => pair.0.is_easy() && pair.1.is_easy(),
            Self::Struct(fields) => fields.types.iter().all(Self::is_easy),
            Self::Enum(variants) => variants.types.iter().any(Self::is_easy),
        }
    }

    /// The lines of the trace for this type at `place`.
    fn describe(&self, place: &str, lines: &mut BTreeSet<String>) {
        let mut line = |kind| lines.insert(format!("{place}: {kind}"));
        match self {
            Self::Number => _ = line("u32"),
            Self::Text | Self::Stubborn => _ = line("string"),
            Self::Option(content) => {
                line("option");
                content.describe(&format!("{place}?"), lines);
            }
            Self::List(item) => {
                line("seq");
                item.describe(&format!("{place}[]"), lines);
            }
            Self::Map(entry) => {
                line("map");
                entry.0.describe(&format!("{place}{{key}}"), lines);
                entry.1.describe(&format!("{place}{{}}"), lines);
            }
            Self::Pair(pair) => {
                line("tuple of 2");
                pair.0.describe(&format!("{place}.0"), lines);
                if pair.0.is_easy() {
                    pair.1.describe(&format!("{place}.1"), lines);
                } else {
                    lines.insert(format!("{place}.1: unseen"));
                }
            }
            Self::Struct(fields) => {
                line("struct");
                for (name, field) in fields.names.iter().zip(&fields.types) {
                    field.describe(&format!("{place}.{name:?}"), lines);
                }
            }
            Self::Enum(variants) => {
                line("enum");
                for (name, content) in variants.names.iter().zip(&variants.types) {
                    content.describe(&format!("{place}::{name:?}"), lines);
                }
            }
        }
    }
}

/// Types, each with its copy that has all fields and variants in the opposite order.
fn types() -> impl Strategy<Value = (Type, Type)> {
    let leaf = prop_oneof![Just(Type::Number), Just(Type::Text), Just(Type::Stubborn)];
    let leaf = leaf.prop_map(|leaf| (leaf.clone(), leaf));
    leaf.prop_recursive(4, 40, 4, |inner| {
        let both = |make: fn(Type) -> Type| move |(a, b)| (make(a), make(b));
        let pairs = |make: fn(Box<(Type, Type)>) -> Type| {
            move |((a, b), (c, d))| (make(Box::new((a, c))), make(Box::new((b, d))))
        };
        let parts = |make: fn(Parts) -> Type| {
            move |types: Vec<(Type, Type)>| {
                let (forth, back) = types.into_iter().unzip();
                (make(Parts::new(forth, false)), make(Parts::new(back, true)))
            }
        };
        prop_oneof![
            inner.clone().prop_map(both(|t| Type::Option(Box::new(t)))),
            inner.clone().prop_map(both(|t| Type::List(Box::new(t)))),
            (inner.clone(), inner.clone()).prop_map(pairs(Type::Map)),
            (inner.clone(), inner.clone()).prop_map(pairs(Type::Pair)),
            vec(inner.clone(), 0..=NAMES.len()).prop_map(parts(Type::Struct)),
            vec(inner, 0..=NAMES.len()).prop_map(parts(Type::Enum)),
        ]
    })
}

/// Reads like a type with serde's derive.
impl<'de> DeserializeSeed<'de> for &Type {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self {
            Type::Number => deserializer.deserialize_u32(self),
            Type::Text | Type::Stubborn => deserializer.deserialize_string(self),
            Type::Option(_) => deserializer.deserialize_option(self),
            Type::List(_) => deserializer.deserialize_seq(self),
            Type::Map(_) => deserializer.deserialize_map(self),
            Type::Pair(_) => deserializer.deserialize_tuple(2, self),
            Type::Struct(parts) => deserializer.deserialize_struct(parts.of, parts.names, self),
            Type::Enum(parts) => deserializer.deserialize_enum(parts.of, parts.names, self),
        }
    }
}

impl<'de> Visitor<'de> for &Type {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }

    fn visit_u32<E: Error>(self, _: u32) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        match self {
            Type::Text => Ok(()),
            _ => Err(E::custom("not this one")),
        }
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self {
            Type::Option(content) => content.deserialize(deserializer),
            _ => Err(D::Error::custom("no option")),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        match self {
            Type::List(item) => while seq.next_element_seed(&**item)?.is_some() {},
            Type::Pair(pair) => {
                for (index, element) in [&pair.0, &pair.1].into_iter().enumerate() {
                    seq.next_element_seed(element)?
                        .ok_or_else(|| A::Error::invalid_length(index, &self))?;
                }
            }
            _ => return Err(A::Error::custom("no sequence")),
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        match self {
            Type::Map(entry) => while map.next_entry_seed(&entry.0, &entry.1)?.is_some() {},
            Type::Struct(fields) => {
                let mut missing = fields.names.to_vec();
                while let Some(name) = map.next_key::<String>()? {
                    map.next_value_seed(fields.named(&name)?)?;
                    missing.retain(|missing| *missing != name);
                }
                if let Some(name) = missing.first() {
                    return Err(A::Error::missing_field(name));
                }
            }
            _ => return Err(A::Error::custom("no map")),
        }
        Ok(())
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<(), A::Error> {
        let Type::Enum(variants) = self else {
            return Err(A::Error::custom("no enum"));
        };
        let (name, content) = data.variant::<String>()?;
        content.newtype_variant_seed(variants.named(&name)?)
    }
}

thread_local! {
    static MADE_UP: RefCell<Type> = const { RefCell::new(Type::Number) };
}

/// Deserializes like the type of the current test case.
struct MadeUp;

impl<'de> Deserialize<'de> for MadeUp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        MADE_UP.with_borrow(|made_up| made_up.deserialize(deserializer))?;
        Ok(Self)
    }
}

fn trace_of(made_up: Type) -> String {
    MADE_UP.set(made_up);
    shape::<MadeUp>().to_string()
}

proptest! {
    #[test]
    fn a_trace_describes_the_type_in_any_order_of_its_parts((forth, back) in types()) {
        let mut expected = BTreeSet::new();
        forth.describe("$", &mut expected);
        let trace = trace_of(forth);
        prop_assert_eq!(trace.lines().map(str::to_owned).collect::<BTreeSet<_>>(), expected);
        prop_assert_eq!(trace_of(back), trace);
    }
}
