//! The route from the root of a type to a place within it.

use std::fmt;

/// A step from a value to one of its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Step {
    /// The field of a struct.
    Field(&'static str),
    /// The content of a variant.
    Variant(&'static str),
    /// The element of a tuple or an array.
    Element(usize),
    /// The content of an option.
    Content,
    /// Any item of a sequence.
    Item,
    /// Any key of a map.
    Key,
    /// Any value of a map.
    Value,
}

impl fmt::Display for Step {
    /// Quotes and escapes names, so that different routes have different texts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".\"{}\"", name.escape_default()),
            Self::Variant(name) => write!(f, "::\"{}\"", name.escape_default()),
            Self::Element(index) => write!(f, ".{index}"),
            Self::Content => f.write_str("?"),
            Self::Item => f.write_str("[]"),
            Self::Key => f.write_str("{key}"),
            Self::Value => f.write_str("{}"),
        }
    }
}

/// Steps from the root, which is written as `$`.
#[derive(Debug, Clone, Default)]
pub(super) struct Route(Vec<Step>);

impl Route {
    /// This route, followed by `step`.
    pub(super) fn then(&self, step: Step) -> Self {
        Self(self.0.iter().copied().chain([step]).collect())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The step after the first `taken` steps; `None` at the end.
    pub(super) fn step(&self, taken: usize) -> Option<Step> {
        self.0.get(taken).copied()
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        self.0.iter().try_for_each(|step| step.fmt(f))
    }
}
