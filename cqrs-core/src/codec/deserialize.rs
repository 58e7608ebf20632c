//! A deserializer that builds the outermost enum from its two parts: the event type is the variant, the payload its content.

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, EnumAccess, IgnoredAny, VariantAccess, Visitor,
        value::BorrowedStrDeserializer,
    },
    forward_to_deserialize_any,
};
use serde_json::de::SliceRead;

use super::CodecError;

/// An encoded enum: its variant and its content.
pub(super) struct TypeAndPayload<'de> {
    pub(super) event_type: &'de str,
    pub(super) payload: &'de [u8],
}

impl<'de> Deserializer<'de> for TypeAndPayload<'de> {
    type Error = CodecError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        visitor.visit_enum(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        visitor.visit_enum(self)
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

impl<'de> EnumAccess<'de> for TypeAndPayload<'de> {
    type Error = CodecError;
    type Variant = Payload<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Payload<'de>), CodecError> {
        let variant =
            seed.deserialize(BorrowedStrDeserializer::<CodecError>::new(self.event_type))?;
        Ok((variant, Payload(self.payload)))
    }
}

/// The content of the variant, still as JSON.
pub(super) struct Payload<'de>(&'de [u8]);

impl<'de> Payload<'de> {
    /// Reads the whole payload; trailing bytes are an error.
    fn read<T>(
        self,
        read: impl FnOnce(&mut serde_json::Deserializer<SliceRead<'de>>) -> Result<T, serde_json::Error>,
    ) -> Result<T, CodecError> {
        let mut json = serde_json::Deserializer::from_slice(self.0);
        let value = read(&mut json)?;
        json.end()?;
        Ok(value)
    }
}

impl<'de> VariantAccess<'de> for Payload<'de> {
    type Error = CodecError;

    /// Accepts any payload, so that a variant that lost its last field stays readable.
    fn unit_variant(self) -> Result<(), CodecError> {
        self.read(|json| IgnoredAny::deserialize(json)).map(drop)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, CodecError> {
        self.read(|json| seed.deserialize(json))
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        self.read(|json| json.deserialize_tuple(len, visitor))
    }

    /// Reads `null`, written when the variant had no fields, as an object without fields.
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        let payload = if self.0 == b"null" {
            Payload(b"{}")
        } else {
            self
        };
        payload.read(|json| json.deserialize_struct("", fields, visitor))
    }
}
