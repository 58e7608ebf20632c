//! The shape of a type: what it asks for at each place.

use std::{collections::BTreeSet, fmt, hash::Hasher, mem};

use fnv::FnvHasher;

use crate::{
    kind::Kind,
    pass::Node,
    route::{Route, Step},
};

/// How serde reads a type. Its text has one line for each place, `place: kind`, sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shape {
    /// What the type asks for.
    pub kind: Kind,
    /// Its parts, sorted.
    pub parts: Vec<(Step, Self)>,
}

impl Shape {
    const fn unseen() -> Self {
        Self {
            kind: Kind::Unseen,
            parts: Vec::new(),
        }
    }

    /// The part after this step.
    #[must_use]
    pub fn part(&self, step: Step) -> Option<&Self> {
        let found = self.parts.iter().find(|(at, _)| *at == step);
        found.map(|(_, part)| part)
    }

    /// A hash of the text: the same in every build, on every machine and with every version of Rust.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut hash = FnvHasher::default();
        hash.write(self.to_string().as_bytes());
        hash.finish()
    }

    fn lines(&self, route: &Route, lines: &mut BTreeSet<String>) {
        lines.insert(format!("{route}: {}\n", self.kind));
        for (step, part) in &self.parts {
            part.lines(&route.then(*step), lines);
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = BTreeSet::new();
        self.lines(&Route::default(), &mut lines);
        lines.iter().try_for_each(|line| f.write_str(line))
    }
}

/// The places of a type while they are visited. A place comes before its parts.
#[derive(Debug)]
pub(super) struct Places(Vec<(Kind, Vec<(Step, usize)>)>);

impl Default for Places {
    fn default() -> Self {
        Self(vec![(Kind::Unseen, Vec::new())])
    }
}

impl Places {
    pub(super) const ROOT: usize = 0;

    /// Records what was found at a place, and returns the places of its parts.
    pub(super) fn fill(&mut self, place: usize, node: Node) -> Vec<(Step, usize)> {
        let first = self.0.len();
        let parts: Vec<_> = node.parts.into_iter().zip(first..).collect();
        let unseen = parts.iter().map(|_| (Kind::Unseen, Vec::new()));
        self.0.extend(unseen);
        self.0[place] = (node.kind, parts.clone());
        parts
    }

    /// From the last place to the first, so that the parts of a place are complete before it.
    pub(super) fn into_shape(self) -> Shape {
        let mut shapes = vec![Shape::unseen(); self.0.len()];
        for (place, (kind, parts)) in self.0.into_iter().enumerate().rev() {
            let take = |(step, part): (Step, usize)| {
                (step, mem::replace(&mut shapes[part], Shape::unseen()))
            };
            let parts = parts.into_iter().map(take).collect();
            shapes[place] = Shape { kind, parts };
        }
        shapes.swap_remove(Self::ROOT)
    }
}
