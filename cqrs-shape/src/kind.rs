//! What a type may ask for at a place.

use std::fmt;

/// What a type asks for at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A value without parts: `bool`, `i8` to `i128`, `u8` to `u128`, `f32`, `f64`, `char`, `string`, `bytes`, `unit`, `identifier`,
    /// `ignored`, or `bare`, a variant without content. Also `any`: serde buffers the value, so its parts are not known.
    Leaf(&'static str),
    /// An [`Option`]; its part is the content.
    Option,
    /// A sequence of any length; its part is the item.
    Seq,
    /// A tuple or an array of this length, of which the first elements are parts.
    Tuple(usize),
    /// A map; its parts are the key and the value. A struct with a flattened field also has parts for its required fields.
    Map,
    /// A struct; its parts are the fields, including aliases.
    Struct,
    /// An enum; its parts are the variants, including aliases.
    Enum,
    /// The type that is so many steps up contains itself here.
    Up(usize),
    /// Nothing is known: a part before it rejects every sample, or it is beyond a limit.
    Unseen,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaf(name) => f.write_str(name),
            Self::Option => f.write_str("option"),
            Self::Seq => f.write_str("seq"),
            Self::Tuple(len) => write!(f, "tuple of {len}"),
            Self::Map => f.write_str("map"),
            Self::Struct => f.write_str("struct"),
            Self::Enum => f.write_str("enum"),
            Self::Up(steps) => write!(f, "the type {steps} up"),
            Self::Unseen => f.write_str("unseen"),
        }
    }
}
