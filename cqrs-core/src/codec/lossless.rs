//! A serializer that counts what JSON may lose: `null` stands for `None`, but also for `Some(None)`, `Some(())` and for a float
//! in an `Option` that is no number.
//!
//! Such a value is stored only if it is read back with as many of them. So a type whose own implementation of serde tells
//! them apart can be stored.

use std::{cell::Cell, fmt::Display};

use serde::{
    Serialize, Serializer,
    ser::{
        SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
        SerializeTupleStruct, SerializeTupleVariant,
    },
};

/// The number of values in an `Option` that were written as `null`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Nulls(Cell<u32>);

impl Nulls {
    pub(super) fn is_none(&self) -> bool {
        self.0.get() == 0
    }

    fn note(&self) {
        self.0.set(self.0.get().saturating_add(1));
    }
}

/// Writes with the serializer inside it.
pub(super) struct Lossless<'a, S> {
    inner: S,
    nulls: &'a Nulls,
    /// The value is the content of a `Some`.
    in_some: bool,
}

impl<'a, S> Lossless<'a, S> {
    pub(super) fn new(inner: S, nulls: &'a Nulls) -> Self {
        Self {
            inner,
            nulls,
            in_some: false,
        }
    }

    /// The content of this value, which another serializer writes.
    fn part<'v, T: ?Sized>(&self, value: &'v T) -> Part<'a, 'v, T> {
        Part {
            value,
            nulls: self.nulls,
        }
    }

    fn compound<C>(
        nulls: &'a Nulls,
        inner: Result<C, S::Error>,
    ) -> Result<Lossless<'a, C>, S::Error>
    where
        S: Serializer,
    {
        Ok(Lossless::new(inner?, nulls))
    }

    fn note_null(&self) {
        if self.in_some {
            self.nulls.note();
        }
    }
}

/// A part of a value.
struct Part<'a, 'v, T: ?Sized> {
    value: &'v T,
    nulls: &'a Nulls,
}

impl<T: ?Sized + Serialize> Serialize for Part<'_, '_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(Lossless::new(serializer, self.nulls))
    }
}

macro_rules! forward_scalars {
    ($($method:ident($type:ty);)+) => {
        $(fn $method(self, value: $type) -> Result<S::Ok, S::Error> { self.inner.$method(value) })+
    };
}

impl<'a, S: Serializer> Serializer for Lossless<'a, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Lossless<'a, S::SerializeSeq>;
    type SerializeTuple = Lossless<'a, S::SerializeTuple>;
    type SerializeTupleStruct = Lossless<'a, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Lossless<'a, S::SerializeTupleVariant>;
    type SerializeMap = Lossless<'a, S::SerializeMap>;
    type SerializeStruct = Lossless<'a, S::SerializeStruct>;
    type SerializeStructVariant = Lossless<'a, S::SerializeStructVariant>;

    forward_scalars! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_i128(i128);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_u128(u128);
        serialize_char(char);
        serialize_str(&str);
        serialize_bytes(&[u8]);
    }

    fn serialize_f32(self, value: f32) -> Result<S::Ok, S::Error> {
        if !value.is_finite() {
            self.note_null();
        }
        self.inner.serialize_f32(value)
    }

    fn serialize_f64(self, value: f64) -> Result<S::Ok, S::Error> {
        if !value.is_finite() {
            self.note_null();
        }
        self.inner.serialize_f64(value)
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.note_null();
        self.inner.serialize_none()
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.note_null();
        self.inner.serialize_unit()
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<S::Ok, S::Error> {
        self.note_null();
        self.inner.serialize_unit_struct(name)
    }

    /// JSON writes the content alone.
    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<S::Ok, S::Error> {
        value.serialize(Self {
            in_some: true,
            ..self
        })
    }

    /// JSON writes the content alone.
    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        value.serialize(self)
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit_variant(name, index, variant)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let value = self.part(value);
        self.inner
            .serialize_newtype_variant(name, index, variant, &value)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        Self::compound(self.nulls, self.inner.serialize_seq(len))
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        Self::compound(self.nulls, self.inner.serialize_tuple(len))
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        Self::compound(self.nulls, self.inner.serialize_tuple_struct(name, len))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        let inner = self
            .inner
            .serialize_tuple_variant(name, index, variant, len);
        Self::compound(self.nulls, inner)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        Self::compound(self.nulls, self.inner.serialize_map(len))
    }

    fn serialize_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStruct, S::Error> {
        Self::compound(self.nulls, self.inner.serialize_struct(name, len))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        let inner = self
            .inner
            .serialize_struct_variant(name, index, variant, len);
        Self::compound(self.nulls, inner)
    }

    fn collect_str<T: ?Sized + Display>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// A compound serializer whose parts have no names.
macro_rules! elements {
    ($($compound:ident::$method:ident,)+) => {
        $(impl<C: $compound> $compound for Lossless<'_, C> {
            type Ok = C::Ok;
            type Error = C::Error;

            fn $method<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), C::Error> {
                let part = self.part(value);
                self.inner.$method(&part)
            }

            fn end(self) -> Result<C::Ok, C::Error> {
                self.inner.end()
            }
        })+
    };
}

elements! {
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field,
}

/// A compound serializer whose parts have names.
macro_rules! fields {
    ($($compound:ident,)+) => {
        $(impl<C: $compound> $compound for Lossless<'_, C> {
            type Ok = C::Ok;
            type Error = C::Error;

            fn serialize_field<T: ?Sized + Serialize>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), C::Error> {
                let part = self.part(value);
                self.inner.serialize_field(key, &part)
            }

            fn skip_field(&mut self, key: &'static str) -> Result<(), C::Error> {
                self.inner.skip_field(key)
            }

            fn end(self) -> Result<C::Ok, C::Error> {
                self.inner.end()
            }
        })+
    };
}

fields! { SerializeStruct, SerializeStructVariant, }

impl<C: SerializeMap> SerializeMap for Lossless<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result<(), C::Error> {
        self.inner.serialize_key(key)
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), C::Error> {
        let part = self.part(value);
        self.inner.serialize_value(&part)
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}
