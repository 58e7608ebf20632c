//! Asks serde which variants an enum has: the derived code names them all when it asks for an enum.

use serde::{
    Deserializer,
    de::{DeserializeOwned, Visitor},
    forward_to_deserialize_any,
};

use super::CodecError;

pub(super) fn variants<E: DeserializeOwned>() -> Result<&'static [&'static str], CodecError> {
    let mut found = None;
    // The probe always fails: what counts is the question it was asked before.
    let _ = E::deserialize(Probe(&mut found));
    found.ok_or(CodecError::NotAnEnum {
        found: "something else",
    })
}

struct Probe<'a>(&'a mut Option<&'static [&'static str]>);

fn asked<T>() -> Result<T, CodecError> {
    Err(CodecError::Payload("a probe has no value".to_owned()))
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = CodecError;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, CodecError> {
        asked()
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, CodecError> {
        *self.0 = Some(variants);
        asked()
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
