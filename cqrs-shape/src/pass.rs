//! The visit to one place: the route to it, and what was found there.

use std::{any, mem};

use super::{
    kind::Kind,
    route::{Route, Step},
    samples::Choices,
};

/// What a type asks for at a place.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) parts: Vec<Step>,
}

impl Node {
    pub(super) fn leaf(kind: Kind) -> Self {
        Self::new(kind, [])
    }

    /// Sorts `parts`, because their order in the type must not matter.
    pub(super) fn new(kind: Kind, parts: impl IntoIterator<Item = Step>) -> Self {
        let mut parts = Vec::from_iter(parts);
        parts.sort_unstable();
        Self { kind, parts }
    }
}

/// Identifies a type: serde's name, its fields or variants, and Rust's name of the value, which includes the type parameters.
/// Rust does not guarantee that its name is unique, so two types are confused only if all three are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TypeKey {
    name: &'static str,
    parts: &'static [&'static str],
    value: &'static str,
}

/// The outcome of a read.
#[derive(Debug, Default)]
enum Outcome {
    /// The read ended too early: the type rejected a sample.
    #[default]
    Rejected,
    /// A required field was missing. The next read offers it, and may find another.
    Missed,
    /// The place was reached, and what the type asks for there is recorded.
    Recorded,
}

/// The visit to one place, over several reads.
#[derive(Debug)]
pub(super) struct Pass<'r> {
    pub(super) route: &'r Route,
    pub(super) samples: Choices,
    /// The required fields of a struct that reads as a map. It reports each one only as a missing field.
    pub(super) missed: Vec<&'static str>,
    pub(super) found: Option<Node>,
    met: Vec<(TypeKey, usize)>,
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

    /// Records a type at `taken` steps from the root. If the type contains itself, returns how many steps further up it was met.
    pub(super) fn meet<T>(
        &mut self,
        name: &'static str,
        parts: &'static [&'static str],
        taken: usize,
    ) -> Option<usize> {
        let value = any::type_name::<T>();
        let key = TypeKey { name, parts, value };
        let before = self.met.iter().find(|(met, _)| *met == key);
        let up = before.map(|(_, then)| taken - then);
        self.met.push((key, taken));
        up
    }

    pub(super) fn record(&mut self, node: Node) {
        self.found = Some(node);
        self.outcome = Outcome::Recorded;
    }

    /// Records that a map ended with an error: its fields may be incomplete, because of a missing field or a rejected sample.
    pub(super) fn incomplete(&mut self, missing: Option<&'static str>) {
        self.outcome = match missing {
            Some(field) if !self.missed.contains(&field) => {
                self.missed.push(field);
                Outcome::Missed
            }
            _ => Outcome::Rejected,
        };
    }

    /// Prepares another read, if one may find more.
    pub(super) fn again(&mut self) -> bool {
        self.met.clear();
        match mem::take(&mut self.outcome) {
            Outcome::Recorded => false,
            Outcome::Missed => {
                self.samples.repeat();
                true
            }
            Outcome::Rejected => self.samples.vary(),
        }
    }
}
