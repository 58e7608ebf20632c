//! The upcasters of an enum together: whether they are complete, and where they lead.

use super::{Step, Target, Upcaster, mistake::mistake};
use crate::model::hash::fnv1a;

/// The schema version of a type without upcasters.
pub(crate) const FIRST: u32 = 1;

/// Another producer did not send a schema version.
const NOT_SENT: u32 = 0;

/// The most upcasters of an enum.
const MOST_STEPS: usize = 1_024;

const NEW: u8 = 0;
const ON_PATH: u8 = 1;
const DONE: u8 = 2;

/// Panics, when it is compiled, if an upcaster is missing, is there twice, leads to a schema version that does not exist, or in a
/// circle.
pub(crate) const fn check(steps: &[Upcaster]) {
    assert!(
        steps.len() <= MOST_STEPS,
        "UPCASTERS: more than 1,024 upcasters"
    );
    let mut index = 0;
    while index < steps.len() {
        check_from(steps, index);
        index += 1;
    }
    let mut visited = [NEW; MOST_STEPS];
    let mut index = 0;
    while index < steps.len() {
        check_ends(steps, index, &mut visited);
        index += 1;
    }
}

const fn check_from(steps: &[Upcaster], index: usize) {
    let Upcaster {
        event_type, from, ..
    } = steps[index];
    if from < FIRST {
        mistake(
            &steps[index],
            "begins at 0, but schema versions are counted from 1",
        );
    }
    if !exists(steps, (event_type, from)) {
        mistake(
            &steps[index],
            "has no upcaster before it: begin at 1, leave no gap",
        );
    }
    if lists_twice(&steps[index]) {
        mistake(
            &steps[index],
            "lists a type twice: list each type once, with one schema version",
        );
    }
    if !matches!(find(steps, (event_type, from)), Some(first) if first == index) {
        mistake(
            &steps[index],
            "is there twice: two upcasters begin at the same schema version of the type",
        );
    }
}

/// Follows the upcasters from one on, without recursion: the compiler limits its depth.
const fn check_ends(steps: &[Upcaster], start: usize, visited: &mut [u8; MOST_STEPS]) {
    if visited[start] == DONE {
        return;
    }
    // Each upcaster on the path, with the number of its targets that were visited.
    let mut path = [(start, 0); MOST_STEPS];
    let mut length = 1;
    visited[start] = ON_PATH;
    while length > 0 {
        let (step, target) = path[length - 1];
        if target == targets(&steps[step]) {
            visited[step] = DONE;
            length -= 1;
            continue;
        }
        path[length - 1].1 += 1;
        let target = steps[step].target(target);
        if !exists(steps, target) {
            mistake(
                &steps[step],
                "leads to a schema version that does not exist: add the upcasters before it, or correct its number",
            );
        }
        if let Some(next) = find(steps, target) {
            if visited[next] == ON_PATH {
                mistake(
                    &steps[step],
                    "leads in a circle: let it end at another event type, or at a newer schema version",
                );
            }
            if visited[next] == NEW {
                visited[next] = ON_PATH;
                path[length] = (next, 0);
                length += 1;
            }
        }
    }
}

/// Whether a type without upcasters, or the upcasters before it, lead to this schema version.
const fn exists(steps: &[Upcaster], (event_type, version): Target) -> bool {
    version == FIRST || version > FIRST && find(steps, (event_type, version - 1)).is_some()
}

/// The index of the upcaster from this schema version.
const fn find(steps: &[Upcaster], (event_type, from): (&str, u32)) -> Option<usize> {
    let mut index = 0;
    while index < steps.len() {
        if steps[index].from == from && same(steps[index].event_type, event_type) {
            return Some(index);
        }
        index += 1;
    }
    None
}

const fn same(one: &str, other: &str) -> bool {
    let one = one.as_bytes();
    let other = other.as_bytes();
    if one.len() != other.len() {
        return false;
    }
    let mut index = 0;
    while index < one.len() {
        if one[index] != other[index] {
            return false;
        }
        index += 1;
    }
    true
}

const fn lists_twice(upcaster: &Upcaster) -> bool {
    let Step::Split(into, _) = upcaster.step else {
        return false;
    };
    let mut index = 0;
    while index < into.len() {
        let mut other = index + 1;
        while other < into.len() {
            if same(into[index].0, into[other].0) {
                return true;
            }
            other += 1;
        }
        index += 1;
    }
    false
}

const fn targets(upcaster: &Upcaster) -> usize {
    match upcaster.step {
        Step::Typed(_) | Step::Json(_) | Step::Recorded(_) | Step::Renamed(_) => 1,
        Step::Split(into, _) => into.len(),
        Step::Dropped => 0,
    }
}

impl Upcaster {
    const fn target(&self, index: usize) -> Target {
        match self.step {
            Step::Renamed(target) => target,
            Step::Split(into, _) => into[index],
            _ => (self.event_type, self.from + 1),
        }
    }

    fn targets(&self) -> impl Iterator<Item = Target> {
        (0..targets(self)).map(|index| self.target(index))
    }
}

/// The schema version of what is written of a type.
pub(crate) fn current(steps: &[Upcaster], event_type: &str) -> u32 {
    let own = steps.iter().filter(|step| step.event_type == event_type);
    own.fold(FIRST, |version, _| version + 1)
}

/// What the code knows of a stored event.
pub(crate) enum Known {
    /// It is read as it is.
    Current,
    /// This upcaster comes first.
    Older(&'static Upcaster),
    /// Newer code wrote it.
    Newer,
}

/// Compares numbers first: a current event costs one pass over the upcasters and hardly a comparison of names.
pub(crate) fn known(steps: &'static [Upcaster], event_type: &str, version: u32) -> Known {
    let mut current = version <= FIRST;
    for step in steps {
        if step.from == version && step.event_type == event_type {
            return Known::Older(step);
        }
        current |= version > FIRST && step.from == version - 1 && step.event_type == event_type;
    }
    if current {
        Known::Current
    } else {
        Known::Newer
    }
}

/// Whether the upcasters after this schema version can lead to one of `types`.
pub(crate) fn leads_to(steps: &[Upcaster], from: (&str, u32), types: &[&str]) -> bool {
    match find(steps, from) {
        None => types.contains(&from.0),
        Some(step) => steps[step]
            .targets()
            .any(|target| leads_to(steps, target, types)),
    }
}

/// The other event types whose older events can become one of `types`.
pub(crate) fn older_types(
    steps: &'static [Upcaster],
    types: &[&str],
) -> impl Iterator<Item = &'static &'static str> {
    let mut found = Vec::new();
    let other = steps
        .iter()
        .filter(move |step| !types.contains(&step.event_type));
    other
        .filter(move |step| {
            let new = !found.contains(&step.event_type)
                && leads_to(steps, (step.event_type, step.from), types);
            if new {
                found.push(step.event_type);
            }
            new
        })
        .map(|step| &step.event_type)
}

/// Whether an upcaster needs to know how the event was recorded.
pub(crate) fn reads_recording(steps: &[Upcaster]) -> bool {
    steps
        .iter()
        .any(|step| matches!(step.step, Step::Recorded(_)))
}

/// A hash of where each upcaster begins and leads, whatever their order in the list. `None` without upcasters.
pub(crate) fn fingerprint(steps: &[Upcaster]) -> Option<u64> {
    let hashes = steps.iter().map(|step| {
        let from = (step.event_type, step.from);
        let ends = std::iter::once(from).chain(step.targets());
        fnv1a(ends.flat_map(|(event_type, version)| {
            let length = event_type.len().to_be_bytes().into_iter();
            length
                .chain(event_type.bytes())
                .chain(version.to_be_bytes())
        }))
    });
    hashes.reduce(u64::wrapping_add)
}

const _: () = assert!(NOT_SENT < FIRST, "`known` reads it as it is");
