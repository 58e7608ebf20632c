//! Follows one route into a type, and records what the type asks for at its end.

use std::fmt::Display;

use serde::de;

use super::{
    kind::Kind,
    pass::{Node, Pass},
    route::Step,
    samples,
};

/// The deepest nesting of a sample.
const MAX_SAMPLE_DEPTH: usize = 16;

/// Ends a read: the place was recorded, or the type rejected a sample.
#[derive(Debug, Default, thiserror::Error)]
#[error("a probe has no value")]
pub(super) struct ReadEnded {
    pub(super) missing: Option<&'static str>,
}

impl de::Error for ReadEnded {
    fn custom<T: Display>(_: T) -> Self {
        Self::default()
    }

    fn missing_field(field: &'static str) -> Self {
        Self {
            missing: Some(field),
        }
    }
}

/// The place of a probe.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// On the route, at this number of steps from the root.
    On(usize),
    /// Inside a sample, at this depth.
    Beside(usize),
}

impl Place {
    /// At the top of a sample.
    pub(super) const BESIDE: Self = Self::Beside(0);

    /// One level deeper, without a step on the route.
    pub(super) fn deeper(self) -> Result<Self, ReadEnded> {
        match self {
            Self::On(taken) => Ok(Self::On(taken)),
            Self::Beside(MAX_SAMPLE_DEPTH) => Err(ReadEnded::default()),
            Self::Beside(depth) => Ok(Self::Beside(depth + 1)),
        }
    }
}

/// A deserializer that offers the next step of a route, and records what the type asks for at the end. Beside the route it
/// makes the smallest samples it can.
///
/// A struct with a flattened field reads a map and does not list its fields. The first read offers no field, and its error
/// names the first missing one; the next read offers a sample of it, and so on. Optional fields stay unknown.
pub(super) struct Probe<'p, 'r> {
    pub(super) pass: &'p mut Pass<'r>,
    pub(super) place: Place,
}

impl<'p, 'r> Probe<'p, 'r> {
    /// A probe at the root.
    pub(super) fn new(pass: &'p mut Pass<'r>) -> Self {
        Self {
            pass,
            place: Place::On(0),
        }
    }

    pub(super) fn is_at_the_end(&self) -> bool {
        matches!(self.place, Place::On(taken) if self.pass.route.step(taken).is_none())
    }

    /// The next step and the probe after it; beside the route there is no step. At the end of the route, records `node`.
    pub(super) fn enter(
        self,
        node: impl FnOnce() -> Node,
    ) -> Result<(Option<Step>, Self), ReadEnded> {
        let Self { pass, place } = self;
        let Place::On(taken) = place else {
            let place = place.deeper()?;
            return Ok((None, Self { pass, place }));
        };
        let Some(step) = pass.route.step(taken) else {
            pass.record(node());
            return Err(ReadEnded::default());
        };
        let place = Place::On(taken + 1);
        Ok((Some(step), Self { pass, place }))
    }

    /// Records a type that serde knows by name, and ends recursion if it contains itself.
    pub(super) fn meet<T>(
        self,
        name: &'static str,
        parts: &'static [&'static str],
    ) -> Result<Self, ReadEnded> {
        let Place::On(taken) = self.place else {
            return Ok(self);
        };
        let Some(up) = self.pass.meet::<T>(name, parts, taken) else {
            return Ok(self);
        };
        self.enter(|| Node::leaf(Kind::Up(up)))?;
        Err(ReadEnded::default())
    }

    /// A value without parts: records it at the end of the route, or lets the caller make a sample.
    pub(super) fn leaf(self, kind: &'static str) -> Result<&'p mut Pass<'r>, ReadEnded> {
        match self.enter(|| Node::leaf(Kind::Leaf(kind)))? {
            (None, beside) => Ok(beside.pass),
            (Some(_), _) => Err(ReadEnded::default()),
        }
    }

    pub(super) fn text(self, kind: &'static str) -> Result<&'static str, ReadEnded> {
        let sample = self.leaf(kind)?.samples.choose(&samples::STRINGS);
        sample.ok_or_else(ReadEnded::default)
    }
}
