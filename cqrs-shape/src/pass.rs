//! One question: the way to a place, and what was learnt there.

use std::{any, borrow::Cow, mem};

use super::{
    route::{Route, Step},
    samples::Choices,
};

/// What is read at a place.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Cow<'static, str>,
    pub(super) parts: Vec<Step>,
}

impl Node {
    pub(super) fn leaf(kind: impl Into<Cow<'static, str>>) -> Self {
        Self::new(kind, [])
    }

    /// Sorts `parts`: the order in which a type has them must not matter anywhere.
    pub(super) fn new(
        kind: impl Into<Cow<'static, str>>,
        parts: impl IntoIterator<Item = Step>,
    ) -> Self {
        let mut parts = Vec::from_iter(parts);
        parts.sort_unstable();
        Self {
            kind: kind.into(),
            parts,
        }
    }
}

/// What tells types apart: what serde calls them, their fields or variants, and Rust's name for what is read, which has the type
/// parameters. Rust does not promise that this name is unique; so all three would have to agree for two types to be taken for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Named {
    name: &'static str,
    parts: &'static [&'static str],
    value: &'static str,
}

/// How reading the type went.
#[derive(Debug, Default)]
enum Outcome {
    /// It broke off too early: something was refused.
    #[default]
    Refused,
    /// A field was missing. With it, it may miss another.
    Missed,
    /// There is nothing more to learn here.
    Answered,
}

/// A question, and its answer so far.
#[derive(Debug)]
pub(super) struct Pass<'r> {
    pub(super) route: &'r Route,
    pub(super) samples: Choices,
    /// The fields that a struct behind a map asked for by missing them.
    pub(super) missed: Vec<&'static str>,
    pub(super) found: Option<Node>,
    met: Vec<(Named, usize)>,
    outcome: Outcome,
}

impl<'r> Pass<'r> {
    pub(super) fn new(route: &'r Route) -> Self {
        Self {
            route,
            samples: Choices::default(),
            missed: Vec::new(),
            found: None,
            met: Vec::new(),
            outcome: Outcome::default(),
        }
    }

    /// Comes to a type, so many steps from the root. When that type holds itself: how many steps further up it was met before.
    pub(super) fn meet<T>(
        &mut self,
        name: &'static str,
        parts: &'static [&'static str],
        taken: usize,
    ) -> Option<usize> {
        let value = any::type_name::<T>();
        let named = Named { name, parts, value };
        let before = self.met.iter().find(|(met, _)| *met == named);
        let up = before.map(|(_, then)| taken - then);
        self.met.push((named, taken));
        up
    }

    pub(super) fn answer(&mut self, node: Node) {
        self.found = Some(node);
        self.outcome = Outcome::Answered;
    }

    /// A map refused what it was given: the answer may be incomplete, because of a field that is missing or of a bad sample.
    pub(super) fn doubt(&mut self, missing: Option<&'static str>) {
        self.outcome = match missing {
            Some(field) if !self.missed.contains(&field) => {
                self.missed.push(field);
                Outcome::Missed
            }
            _ => Outcome::Refused,
        };
    }

    /// Prepares another read, if one may tell more.
    pub(super) fn again(&mut self) -> bool {
        self.met.clear();
        match mem::take(&mut self.outcome) {
            Outcome::Answered => false,
            Outcome::Missed => {
                self.samples.repeat();
                true
            }
            Outcome::Refused => self.samples.vary(),
        }
    }
}
