//! The imports between siblings, and the cycles among them.

use std::collections::{BTreeMap, BTreeSet};

/// Arrows between names, each with a place in the source.
#[derive(Debug, Default)]
pub(crate) struct Graph(BTreeMap<String, BTreeMap<String, String>>);

impl Graph {
    /// Adds an arrow. Keeps the first place.
    pub(crate) fn add(&mut self, from: &str, to: &str, place: impl Into<String>) {
        let arrows = self.0.entry(from.to_owned()).or_default();
        arrows.entry(to.to_owned()).or_insert_with(|| place.into());
    }

    /// Removes an arrow. Returns whether there was one.
    pub(crate) fn remove(&mut self, from: &str, to: &str) -> bool {
        self.0
            .get_mut(from)
            .is_some_and(|arrows| arrows.remove(to).is_some())
    }

    /// Every arrow: from, to, place.
    pub(crate) fn arrows(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.0.iter().flat_map(|(from, arrows)| {
            arrows
                .iter()
                .map(|(to, place)| (from.as_str(), to.as_str(), place.as_str()))
        })
    }

    /// A shortest cycle through each name that is in one, without repeats: the names, and the places of the arrows.
    pub(crate) fn cycles(&self) -> Vec<Vec<(&str, &str)>> {
        let mut seen = BTreeSet::new();
        let found = self.0.keys().filter_map(|name| self.cycle(name));
        found
            .filter(|cycle| {
                let mut names: Vec<_> = cycle.iter().map(|(name, _)| *name).collect();
                names.sort_unstable();
                seen.insert(names)
            })
            .collect()
    }

    /// A shortest path from `start` back to `start`: names, each with the place of its outgoing arrow.
    fn cycle(&self, start: &str) -> Option<Vec<(&str, &str)>> {
        let mut paths = vec![Vec::new()];
        let mut seen = BTreeSet::new();
        while !paths.is_empty() {
            let mut longer = Vec::new();
            for path in paths {
                let at = path.last().map_or(start, |(_, to, _)| *to);
                let Some((from, arrows)) = self.0.get_key_value(at) else {
                    continue;
                };
                for (to, place) in arrows {
                    let mut next = path.clone();
                    next.push((from.as_str(), to.as_str(), place.as_str()));
                    if to == start {
                        return Some(next.into_iter().map(|(from, _, at)| (from, at)).collect());
                    }
                    if seen.insert(to) {
                        longer.push(next);
                    }
                }
            }
            paths = longer;
        }
        None
    }
}
