//! Writes a value as JSON that every store keeps as it is, and reads it back: documents and the states of snapshots.
//!
//! A document is kept as `jsonb` by PostgreSQL, which has no negative zero: a store in memory must not differ from it.

use std::io;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::ser::Formatter;

use super::{
    CodecError,
    lossless::{Lossless, Nulls},
};

/// The value as JSON, after it was read back.
///
/// # Errors
/// When it cannot be written as JSON, or what was written is not read back as it was.
pub(crate) fn to_json<T: Serialize + DeserializeOwned>(value: &T) -> Result<Vec<u8>, CodecError> {
    written(
        value,
        NoExponents {
            zeros_have_signs: true,
        },
    )
}

/// The value as the JSON of a document: like [`to_json`], but without the sign of zeros.
///
/// # Errors
/// As [`to_json`].
pub(crate) fn to_document<T: Serialize + DeserializeOwned>(
    value: &T,
) -> Result<Vec<u8>, CodecError> {
    written(
        value,
        NoExponents {
            zeros_have_signs: false,
        },
    )
}

fn written<T: Serialize + DeserializeOwned>(
    value: &T,
    format: NoExponents,
) -> Result<Vec<u8>, CodecError> {
    let (json, nulls) = write(value, format)?;
    let back: T = serde_json::from_slice(&json)?;
    if !nulls.is_none() && write(&back, format)?.1 != nulls {
        return Err(CodecError::NullInOption);
    }
    Ok(json)
}

fn write<T: Serialize>(
    value: &T,
    format: NoExponents,
) -> Result<(Vec<u8>, Nulls), serde_json::Error> {
    let (mut json, nulls) = (Vec::with_capacity(128), Nulls::default());
    let mut serializer = serde_json::Serializer::with_formatter(&mut json, format);
    value.serialize(Lossless::new(&mut serializer, &nulls))?;
    Ok((json, nulls))
}

/// Writes floats without an exponent. PostgreSQL's `jsonb` would write `1e16` as `10000000000000000`, which is read as an
/// integer.
#[derive(Debug, Clone, Copy)]
struct NoExponents {
    zeros_have_signs: bool,
}

impl Formatter for NoExponents {
    fn write_f32<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f32) -> io::Result<()> {
        // A negative zero plus zero is zero; every other number stays.
        let value = if self.zeros_have_signs {
            value
        } else {
            value + 0.0
        };
        write!(writer, "{value}{}", fraction(value.trunc() == value))
    }

    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let value = if self.zeros_have_signs {
            value
        } else {
            value + 0.0
        };
        write!(writer, "{value}{}", fraction(value.trunc() == value))
    }
}

/// What a float without a fraction needs to be read as a float again.
fn fraction(is_integer: bool) -> &'static str {
    if is_integer { ".0" } else { "" }
}

#[cfg(test)]
#[expect(clippy::option_option, reason = "they are what is tested")]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn json<T: Serialize + DeserializeOwned>(value: &T) -> Result<String, String> {
        let text = |json| String::from_utf8(json).expect("text");
        to_json(value).map(text).map_err(|error| error.to_string())
    }

    #[test]
    fn floats_have_no_exponent() {
        assert_eq!(json(&1e16), Ok("10000000000000000.0".to_owned()));
        assert_eq!(json(&1e-7), Ok("0.0000001".to_owned()));
        assert_eq!(json(&-2.5_f32), Ok("-2.5".to_owned()));
        assert_eq!(json(&0.0), Ok("0.0".to_owned()));
    }

    #[test]
    fn every_finite_float_is_read_back() {
        for value in [
            f64::MAX,
            f64::MIN,
            f64::MIN_POSITIVE,
            5e-324,
            0.1 + 0.2,
            -0.0,
        ] {
            let json = to_json(&value).expect("is read back");
            let back: f64 = serde_json::from_slice(&json).expect("a number");
            assert_eq!(back.to_bits(), value.to_bits(), "{value:e}");
        }
    }

    #[test]
    fn a_document_has_no_negative_zero() {
        let zeros = (-0.0_f64, -0.0_f32, vec![-1.5, 0.0]);
        assert_eq!(json(&zeros), Ok("[-0.0,-0.0,[-1.5,0.0]]".to_owned()));
        let document = to_document(&zeros).expect("is read back");
        assert_eq!(document, b"[0.0,0.0,[-1.5,0.0]]");
    }

    #[test]
    fn a_value_that_null_would_replace_is_refused() {
        let refused = Err(CodecError::NullInOption.to_string());
        assert_eq!(json(&Some(None::<u8>)), refused);
        assert_eq!(json(&vec![Some(())]), refused);
        assert_eq!(
            json(&BTreeMap::from([("a".to_owned(), Some(f64::NAN))])),
            refused
        );
        assert_eq!(json(&vec![None, Some(Some(1))]), Ok("[null,1]".to_owned()));
        assert!(json(&f64::NAN).is_err());
    }

    /// Tells `Some(None)` from `None`, as types for partial updates do.
    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Patch {
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "some"
        )]
        name: Option<Option<String>>,
    }

    fn some<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
        serde::Deserialize::deserialize(from).map(Some)
    }

    #[test]
    fn a_type_that_tells_null_from_none_is_accepted() {
        assert_eq!(
            json(&Patch { name: Some(None) }),
            Ok(r#"{"name":null}"#.to_owned())
        );
        assert_eq!(json(&Patch { name: None }), Ok("{}".to_owned()));
    }
}
