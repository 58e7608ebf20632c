//! A serializer that splits the outermost enum: its variant is the event type, its content is the payload.

use serde::{
    Serialize, Serializer,
    ser::{Impossible, SerializeStructVariant, SerializeTupleVariant},
};

use super::{
    CodecError,
    lossless::{Lossless, Nulls},
};

/// Appends the payload to the buffer and returns the event type.
pub(super) struct TypeAndPayload<'a> {
    pub(super) out: &'a mut Vec<u8>,
    pub(super) nulls: &'a Nulls,
}

fn write<T: ?Sized + Serialize>(
    value: &T,
    out: &mut Vec<u8>,
    nulls: &Nulls,
) -> Result<(), CodecError> {
    let mut json = serde_json::Serializer::new(out);
    Ok(value.serialize(Lossless::new(&mut json, nulls))?)
}

/// Writes the fields of a struct or tuple variant. It writes the brackets itself: the compound serializer of `serde_json`
/// borrows a serializer, which would be a local variable here.
pub(super) struct Fields<'a> {
    event_type: &'static str,
    to: TypeAndPayload<'a>,
    first: bool,
    close: u8,
}

impl<'a> Fields<'a> {
    fn open(event_type: &'static str, to: TypeAndPayload<'a>, [open, close]: [u8; 2]) -> Self {
        to.out.push(open);
        Self {
            event_type,
            to,
            first: true,
            close,
        }
    }

    fn separate(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.to.out.push(b',');
        }
    }

    fn close(self) -> &'static str {
        self.to.out.push(self.close);
        self.event_type
    }
}

impl SerializeStructVariant for Fields<'_> {
    type Ok = &'static str;
    type Error = CodecError;

    fn serialize_field<T: ?Sized + Serialize>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), CodecError> {
        self.separate();
        write(key, self.to.out, self.to.nulls)?;
        self.to.out.push(b':');
        write(value, self.to.out, self.to.nulls)
    }

    fn end(self) -> Result<&'static str, CodecError> {
        Ok(self.close())
    }
}

impl SerializeTupleVariant for Fields<'_> {
    type Ok = &'static str;
    type Error = CodecError;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), CodecError> {
        self.separate();
        write(value, self.to.out, self.to.nulls)
    }

    fn end(self) -> Result<&'static str, CodecError> {
        Ok(self.close())
    }
}

type NotSupported = Impossible<&'static str, CodecError>;

fn reject<T>(found: &'static str) -> Result<T, CodecError> {
    Err(CodecError::NotAnEnum { found })
}

macro_rules! reject_scalars {
    ($($method:ident($type:ty) $found:literal;)+) => {
        $(fn $method(self, _: $type) -> Result<&'static str, CodecError> { reject($found) })+
    };
}

impl<'a> Serializer for TypeAndPayload<'a> {
    type Ok = &'static str;
    type Error = CodecError;
    type SerializeSeq = NotSupported;
    type SerializeTuple = NotSupported;
    type SerializeTupleStruct = NotSupported;
    type SerializeTupleVariant = Fields<'a>;
    type SerializeMap = NotSupported;
    type SerializeStruct = NotSupported;
    type SerializeStructVariant = Fields<'a>;

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Self::Ok, CodecError> {
        self.out.extend_from_slice(b"null");
        Ok(variant)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Self::Ok, CodecError> {
        write(value, self.out, self.nulls)?;
        Ok(variant)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Fields<'a>, CodecError> {
        Ok(Fields::open(variant, self, *b"[]"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Fields<'a>, CodecError> {
        Ok(Fields::open(variant, self, *b"{}"))
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Self::Ok, CodecError> {
        value.serialize(self)
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<Self::Ok, CodecError> {
        value.serialize(self)
    }

    reject_scalars! {
        serialize_bool(bool) "a bool";
        serialize_i8(i8) "a number";
        serialize_i16(i16) "a number";
        serialize_i32(i32) "a number";
        serialize_i64(i64) "a number";
        serialize_u8(u8) "a number";
        serialize_u16(u16) "a number";
        serialize_u32(u32) "a number";
        serialize_u64(u64) "a number";
        serialize_f32(f32) "a number";
        serialize_f64(f64) "a number";
        serialize_char(char) "a character";
        serialize_str(&str) "a string";
        serialize_bytes(&[u8]) "bytes";
        serialize_unit_struct(&'static str) "a unit struct";
    }

    fn serialize_none(self) -> Result<Self::Ok, CodecError> {
        reject("nothing")
    }

    fn serialize_unit(self) -> Result<Self::Ok, CodecError> {
        reject("nothing")
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<NotSupported, CodecError> {
        reject("a sequence")
    }

    fn serialize_tuple(self, _: usize) -> Result<NotSupported, CodecError> {
        reject("a tuple (an adjacently tagged enum?)")
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<NotSupported, CodecError> {
        reject("a tuple struct")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<NotSupported, CodecError> {
        reject("a map (an internally tagged enum?)")
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<NotSupported, CodecError> {
        reject("a struct (wrap it in an enum), or an internally tagged enum")
    }
}
