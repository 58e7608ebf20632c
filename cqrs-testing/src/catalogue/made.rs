//! A generated value, which a type reads as if it were stored.

mod leaves;

use std::{
    fmt::{self, Display},
    panic::{AssertUnwindSafe, catch_unwind},
    slice,
};

use serde::{
    Deserializer,
    de::{
        self, DeserializeOwned, DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess,
        Visitor, value::BorrowedStrDeserializer,
    },
    forward_to_deserialize_any,
};

pub(super) use self::leaves::Leaf;
use self::leaves::Leaves;

/// A generated value.
#[derive(Debug)]
pub(super) enum Made {
    /// A value without parts.
    Leaf(Leaf),
    /// The name of a field in a map.
    Name(&'static str),
    None,
    Some(Box<Self>),
    Seq(Vec<Self>),
    /// A map, or a struct: its keys are names then.
    Map(Vec<(Self, Self)>),
    Variant(&'static str, Box<Self>),
}

/// Why a type does not read a generated value.
#[derive(Debug)]
pub(super) enum Rejection {
    /// It has this field already, by another name.
    Duplicate(&'static str),
    Other(String),
}

impl Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate(field) => write!(f, "duplicate field `{field}`"),
            Self::Other(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Rejection {}

impl de::Error for Rejection {
    fn custom<T: Display>(message: T) -> Self {
        Self::Other(message.to_string())
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::Duplicate(field)
    }
}

/// The most combinations of leaves that are tried.
const MAX_TRIES: usize = 5_000;

/// Reads a `T` from the generated value. Other leaves are tried in turn until the type accepts them.
pub(super) fn read<T: DeserializeOwned>(made: &Made) -> Result<T, Rejection> {
    let leaves = Leaves::default();
    let mut tries = 0;
    loop {
        let read = || T::deserialize(Reader(made, &leaves));
        let panicked = |_| Err(Rejection::Other("it panicked".to_owned()));
        match catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(panicked) {
            Err(Rejection::Other(reason)) => {
                tries += 1;
                if tries == MAX_TRIES || !leaves.vary() {
                    return Err(Rejection::Other(reason));
                }
            }
            result => return result,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Reader<'a>(&'a Made, &'a Leaves);

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Rejection;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Rejection> {
        let Self(made, leaves) = self;
        match made {
            Made::Leaf(leaf) => visit(*leaf, leaves.of(*leaf), visitor),
            Made::None => visitor.visit_none(),
            Made::Some(content) => visitor.visit_some(Self(content, leaves)),
            Made::Seq(items) => visitor.visit_seq(Items(items.iter(), leaves)),
            Made::Map(entries) => visitor.visit_map(Entries(entries.iter(), None, leaves)),
            Made::Name(name) | Made::Variant(name, _) => visitor.visit_borrowed_str(name),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Rejection> {
        self.deserialize_any(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Rejection> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Rejection> {
        match self.0 {
            Made::Variant(name, content) => visitor.visit_enum(Chosen(name, Self(content, self.1))),
            _ => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

fn visit<'de, V: Visitor<'de>>(
    leaf: Leaf,
    chosen: usize,
    visitor: V,
) -> Result<V::Value, Rejection> {
    let number = leaf.number(chosen);
    match leaf.kind {
        "string" => visitor.visit_string(leaf.text(chosen)),
        "bool" => visitor.visit_bool(leaf.truth(chosen)),
        "i8" => visitor.visit_i8(i8::try_from(number).unwrap_or(1)),
        "i16" => visitor.visit_i16(number.into()),
        "i32" => visitor.visit_i32(number.into()),
        "i64" => visitor.visit_i64(number.into()),
        "i128" => visitor.visit_i128(number.into()),
        "u8" => visitor.visit_u8(number),
        "u16" => visitor.visit_u16(number.into()),
        "u32" => visitor.visit_u32(number.into()),
        "u64" => visitor.visit_u64(number.into()),
        "u128" => visitor.visit_u128(number.into()),
        "f32" => visitor.visit_f32(number.into()),
        "f64" => visitor.visit_f64(number.into()),
        "char" => visitor.visit_char(leaf.letter(chosen).into()),
        "bytes" => visitor.visit_bytes(&[leaf.letter(chosen)]),
        _ => visitor.visit_unit(),
    }
}

struct Items<'a>(slice::Iter<'a, Made>, &'a Leaves);

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Rejection;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Rejection> {
        let item = self.0.next();
        item.map(|item| seed.deserialize(Reader(item, self.1)))
            .transpose()
    }
}

struct Entries<'a>(slice::Iter<'a, (Made, Made)>, Option<&'a Made>, &'a Leaves);

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Rejection;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Rejection> {
        let Some((key, value)) = self.0.next() else {
            return Ok(None);
        };
        self.1 = Some(value);
        seed.deserialize(Reader(key, self.2)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Rejection> {
        let value = self.1.take().unwrap_or(&Made::None);
        seed.deserialize(Reader(value, self.2))
    }
}

struct Chosen<'a>(&'static str, Reader<'a>);

impl<'de, 'a> EnumAccess<'de> for Chosen<'a> {
    type Error = Rejection;
    type Variant = Reader<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Reader<'a>), Rejection> {
        let name = BorrowedStrDeserializer::<Rejection>::new(self.0);
        Ok((seed.deserialize(name)?, self.1))
    }
}

impl<'de> VariantAccess<'de> for Reader<'_> {
    type Error = Rejection;

    fn unit_variant(self) -> Result<(), Rejection> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Rejection> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Rejection> {
        self.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Rejection> {
        self.deserialize_any(visitor)
    }
}
