//! The probe as a serde deserializer.

use serde::{
    Deserializer,
    de::{DeserializeSeed, VariantAccess, Visitor},
};

use super::{
    access::{Chosen, Parts},
    kind::Kind,
    pass::Node,
    probe::{Probe, ReadEnded},
    route::Step,
};

macro_rules! leaves {
    ($($ask:ident($($arg:ty)?) $kind:literal $visit:ident($($sample:expr)?);)*) => {$(
        fn $ask<V: Visitor<'de>>(self, $(_: $arg,)? visitor: V) -> Result<V::Value, ReadEnded> {
            self.leaf($kind)?;
            visitor.$visit($($sample)?)
        }
    )*};
}

macro_rules! texts {
    ($($ask:ident $kind:literal;)*) => {$(
        fn $ask<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadEnded> {
            visitor.visit_str(self.text($kind)?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Probe<'_, '_> {
    type Error = ReadEnded;

    leaves! {
        deserialize_bool() "bool" visit_bool(true);
        deserialize_i8() "i8" visit_i8(1);
        deserialize_i16() "i16" visit_i16(1);
        deserialize_i32() "i32" visit_i32(1);
        deserialize_i64() "i64" visit_i64(1);
        deserialize_i128() "i128" visit_i128(1);
        deserialize_u8() "u8" visit_u8(1);
        deserialize_u16() "u16" visit_u16(1);
        deserialize_u32() "u32" visit_u32(1);
        deserialize_u64() "u64" visit_u64(1);
        deserialize_u128() "u128" visit_u128(1);
        deserialize_f32() "f32" visit_f32(1.0);
        deserialize_f64() "f64" visit_f64(1.0);
        deserialize_char() "char" visit_char('a');
        deserialize_bytes() "bytes" visit_bytes(b"a");
        deserialize_byte_buf() "bytes" visit_bytes(b"a");
        deserialize_unit() "unit" visit_unit();
        deserialize_unit_struct(&'static str) "unit" visit_unit();
        deserialize_ignored_any() "ignored" visit_unit();
    }

    texts! {
        deserialize_str "string";
        deserialize_string "string";
        deserialize_identifier "identifier";
        deserialize_any "any";
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadEnded> {
        let (step, probe) = self.enter(|| Node::new(Kind::Option, [Step::Content]))?;
        match step {
            Some(_) => visitor.visit_some(probe),
            None => visitor.visit_none(),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadEnded> {
        let Self { pass, place } = self.meet::<V::Value>(name, &[])?;
        let place = place.deeper()?;
        visitor.visit_newtype_struct(Self { pass, place })
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadEnded> {
        let (step, Self { pass, place }) = self.enter(|| Node::new(Kind::Seq, [Step::Item]))?;
        let items = step.into_iter().map(|step| (step, place)).collect();
        visitor.visit_seq(Parts::new(pass, items))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadEnded> {
        if self.is_at_the_end() {
            return Err(self.record_map(visitor));
        }
        let (step, Self { pass, place }) = self.enter(|| Node::leaf(Kind::Map))?;
        let entries = step.into_iter().map(|step| (step, place)).collect();
        visitor.visit_map(Parts::new(pass, entries))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadEnded> {
        self.meet::<V::Value>(name, fields)?.fields(fields, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, ReadEnded> {
        self.elements(len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, ReadEnded> {
        self.meet::<V::Value>(name, &[])?.elements(len, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadEnded> {
        let node = || Node::new(Kind::Enum, variants.iter().copied().map(Step::Variant));
        let (step, probe) = self.meet::<V::Value>(name, variants)?.enter(node)?;
        let step = step.or_else(|| probe.pass.samples.choose(&node().parts));
        let Some(Step::Variant(variant)) = step else {
            return Err(ReadEnded::default());
        };
        visitor.visit_enum(Chosen { variant, probe })
    }
}

/// Reads the content of a variant with the same probe: `V(u64)` as its `u64`, and `V { .. }` as the struct.
impl<'de> VariantAccess<'de> for Probe<'_, '_> {
    type Error = ReadEnded;

    fn unit_variant(self) -> Result<(), ReadEnded> {
        self.leaf("bare").map(drop)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ReadEnded> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, ReadEnded> {
        self.elements(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadEnded> {
        self.fields(fields, visitor)
    }
}
