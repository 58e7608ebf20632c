//! Finds the variants of an enum: serde's derived code passes all their names when it deserializes an enum.

use serde::{
    Deserializer,
    de::{DeserializeOwned, Visitor},
    forward_to_deserialize_any,
};

use super::CodecError;

pub(super) fn variants<E: DeserializeOwned>() -> Result<&'static [&'static str], CodecError> {
    let mut found = None;
    // The probe always fails. It records the variants before it does.
    let _ = E::deserialize(Probe(&mut found));
    found.ok_or(CodecError::NotAnEnum {
        found: "something else",
    })
}

struct Probe<'a>(&'a mut Option<&'static [&'static str]>);

fn no_value<T>() -> Result<T, CodecError> {
    Err(CodecError::Custom("a probe has no value".to_owned()))
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = CodecError;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, CodecError> {
        no_value()
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, CodecError> {
        *self.0 = Some(variants);
        no_value()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
