//! Compares what was handled with the log.

use std::collections::{BTreeMap, BTreeSet};

use super::tables::Entry;
use crate::verdict::{Verdict, Violation};

/// Each event of the log must have been handled once, in the order of its stream. `handled` is in the order in which it was.
pub(super) fn judge(log: &[Entry], handled: &[Entry]) -> Verdict {
    let mut verdict = Verdict::default();
    let mut seen = BTreeMap::<&str, BTreeSet<u64>>::new();
    for entry in handled {
        let versions = seen.entry(&entry.stream).or_default();
        let highest = versions.last().copied().unwrap_or_default();
        if !versions.insert(entry.version) {
            verdict.add(Violation::Duplicated, || {
                format!("{} was handled twice", describe(entry))
            });
        } else if entry.version < highest {
            verdict.add(Violation::Reordered, || {
                format!("{} was handled after version {highest}", describe(entry))
            });
        }
    }
    for entry in log {
        let versions = seen.get_mut(&*entry.stream);
        if !versions.is_some_and(|versions| versions.remove(&entry.version)) {
            verdict.add(Violation::Lost, || {
                format!("{} was not handled", describe(entry))
            });
        }
    }
    for (stream, version) in unknown(&seen) {
        verdict.add(Violation::Unexpected, || {
            format!("{stream}@{version} was handled, and is not in the log")
        });
    }
    verdict
}

fn unknown<'a>(
    left: &'a BTreeMap<&str, BTreeSet<u64>>,
) -> impl Iterator<Item = (&'a str, u64)> + 'a {
    let streams = left.iter();
    streams.flat_map(|(stream, versions)| versions.iter().map(|version| (*stream, *version)))
}

fn describe(entry: &Entry) -> String {
    let Entry {
        stream,
        version,
        position,
    } = entry;
    format!("{stream}@{version}, position {position},")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(of: &[(&str, u64)]) -> Vec<Entry> {
        let entry = |(place, (stream, version)): (usize, &(&str, u64))| Entry {
            stream: (*stream).to_owned(),
            version: *version,
            position: place as u64,
        };
        of.iter().enumerate().map(entry).collect()
    }

    /// Lost, out of order, doubled, unexpected.
    fn counts(handled: &[(&str, u64)]) -> [u64; 4] {
        let log = entries(&[("a", 1), ("b", 1), ("a", 2), ("a", 3)]);
        let verdict = judge(&log, &entries(handled));
        [
            Violation::Lost,
            Violation::Reordered,
            Violation::Duplicated,
            Violation::Unexpected,
        ]
        .map(|violation| verdict.count(violation))
    }

    #[test]
    fn streams_may_overtake_each_other_and_a_stream_not_itself() {
        assert_eq!(counts(&[("a", 1), ("a", 2), ("a", 3), ("b", 1)]), [0; 4]);
        assert_eq!(
            counts(&[("a", 2), ("a", 1), ("a", 3), ("b", 1)]),
            [0, 1, 0, 0]
        );
    }

    #[test]
    fn what_is_missing_doubled_or_unknown_is_counted() {
        assert_eq!(counts(&[("a", 1), ("a", 3)]), [2, 0, 0, 0]);
        let doubled = [("a", 1), ("b", 1), ("a", 1), ("a", 2), ("a", 3)];
        assert_eq!(counts(&doubled), [0, 0, 1, 0]);
        let unknown = [("a", 1), ("b", 1), ("a", 2), ("a", 3), ("c", 1)];
        assert_eq!(counts(&unknown), [0, 0, 0, 1]);
    }
}
