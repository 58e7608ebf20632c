//! Goes one way into a type, and notes what is asked for at its end.

use std::fmt::Display;

use serde::de;

use super::{
    pass::{Node, Pass},
    route::Step,
    samples,
};

/// How deep a sample may be.
const MAX_SAMPLE_DEPTH: usize = 16;

/// Why reading ended: the answer was found, or something was refused.
#[derive(Debug, Default, thiserror::Error)]
#[error("a probe has no value")]
pub(super) struct Stop {
    pub(super) missing: Option<&'static str>,
}

impl de::Error for Stop {
    fn custom<T: Display>(_: T) -> Self {
        Self::default()
    }

    fn missing_field(field: &'static str) -> Self {
        Self {
            missing: Some(field),
        }
    }
}

/// Where a probe is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// On the route, so many steps from the root.
    On(usize),
    /// Beside it, so many steps: a sample is needed.
    Beside(usize),
}

impl Place {
    /// At the head of a sample.
    pub(super) const BESIDE: Self = Self::Beside(0);

    /// Further inside, where no step of the route is needed.
    pub(super) fn deeper(self) -> Result<Self, Stop> {
        match self {
            Self::On(taken) => Ok(Self::On(taken)),
            Self::Beside(MAX_SAMPLE_DEPTH) => Err(Stop::default()),
            Self::Beside(depth) => Ok(Self::Beside(depth + 1)),
        }
    }
}

/// On the route it offers the next step, and the answer at the end. Beside it makes samples, the smallest it can.
///
/// A struct with a flattened field reads a map and does not say which fields it has. It is asked without any, and names the
/// first that it misses; then with a sample of that one, and so on. Those that may be missing stay unknown.
pub(super) struct Probe<'p, 'r> {
    pub(super) pass: &'p mut Pass<'r>,
    pub(super) place: Place,
}

impl<'p, 'r> Probe<'p, 'r> {
    /// At the root.
    pub(super) fn new(pass: &'p mut Pass<'r>) -> Self {
        Self {
            pass,
            place: Place::On(0),
        }
    }

    pub(super) fn is_at_the_end(&self) -> bool {
        matches!(self.place, Place::On(taken) if self.pass.route.step(taken).is_none())
    }

    /// The next step and a probe behind it; no step beside the route. At the end of the route, answers with `node`.
    pub(super) fn enter(self, node: impl FnOnce() -> Node) -> Result<(Option<Step>, Self), Stop> {
        let Self { pass, place } = self;
        let Place::On(taken) = place else {
            let place = place.deeper()?;
            return Ok((None, Self { pass, place }));
        };
        let Some(step) = pass.route.step(taken) else {
            pass.answer(node());
            return Err(Stop::default());
        };
        let place = Place::On(taken + 1);
        Ok((Some(step), Self { pass, place }))
    }

    /// Comes to a type of which serde knows a name, where recursion ends.
    pub(super) fn meet<T>(
        self,
        name: &'static str,
        parts: &'static [&'static str],
    ) -> Result<Self, Stop> {
        let Place::On(taken) = self.place else {
            return Ok(self);
        };
        let Some(up) = self.pass.meet::<T>(name, parts, taken) else {
            return Ok(self);
        };
        self.enter(|| Node::leaf(format!("the type {up} up")))?;
        Err(Stop::default())
    }

    /// Something without parts: the answer, or a sample for the caller to make.
    pub(super) fn leaf(self, kind: &'static str) -> Result<&'p mut Pass<'r>, Stop> {
        match self.enter(|| Node::leaf(kind))? {
            (None, beside) => Ok(beside.pass),
            (Some(_), _) => Err(Stop::default()),
        }
    }

    pub(super) fn text(self, kind: &'static str) -> Result<&'static str, Stop> {
        let sample = self.leaf(kind)?.samples.choose(&samples::STRINGS);
        sample.ok_or_else(Stop::default)
    }
}
