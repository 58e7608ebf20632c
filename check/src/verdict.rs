//! The violations that were found: all are counted, and the first ones of each kind described.

use std::fmt;

use serde::Serialize;

/// A promise of the store that was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Violation {
    /// An acknowledged event is not in the store, a stored one did not reach a reader, or one that a reader saw is gone.
    Lost,
    /// A reader saw positions, or the versions of a stream, that do not rise.
    Reordered,
    /// A reader saw an event twice, or the store holds it twice.
    Duplicated,
    /// The store holds, or a reader saw, an event that was rejected or rolled back, or that nobody wrote.
    Unexpected,
    /// A part of an append is in the store, and the rest is not.
    Torn,
    /// The versions of a stream are not 1, 2, 3, .. in the order of their positions.
    Gap,
    /// An answer of the store does not match what it holds.
    Mismatch,
}

impl Violation {
    /// Every kind of violation, in the order of a report.
    pub const ALL: [Self; 7] = [
        Self::Lost,
        Self::Reordered,
        Self::Duplicated,
        Self::Unexpected,
        Self::Torn,
        Self::Gap,
        Self::Mismatch,
    ];

    const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Lost => "lost",
            Self::Reordered => "reordered",
            Self::Duplicated => "duplicated",
            Self::Unexpected => "unexpected",
            Self::Torn => "torn",
            Self::Gap => "gaps",
            Self::Mismatch => "mismatches",
        })
    }
}

/// One violation, described so that it can be found in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The kind.
    pub violation: Violation,
    /// The event or answer, and the reader or writer that noticed it.
    pub message: String,
}

/// The violations that were found.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    counts: [u64; Violation::ALL.len()],
    findings: Vec<Finding>,
}

impl Verdict {
    /// How many violations of a kind are described. The others are only counted.
    const FINDINGS_PER_KIND: usize = 3;

    /// Adds a violation. `describe` is called only for the first few of a kind.
    pub fn add(&mut self, violation: Violation, describe: impl FnOnce() -> String) {
        self.counts[violation.index()] += 1;
        if self.has_room_for(violation) {
            let message = describe();
            self.findings.push(Finding { violation, message });
        }
    }

    /// Adds the violations of another verdict.
    pub fn absorb(&mut self, other: Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        for finding in other.findings {
            if self.has_room_for(finding.violation) {
                self.findings.push(finding);
            }
        }
    }

    /// How many violations of this kind were found.
    #[must_use]
    pub const fn count(&self, violation: Violation) -> u64 {
        self.counts[violation.index()]
    }

    /// Whether every promise was kept.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }

    /// The violations that are described, by kind.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        Violation::ALL.into_iter().flat_map(|violation| {
            let findings = self.findings.iter();
            findings.filter(move |finding| finding.violation == violation)
        })
    }

    fn has_room_for(&self, violation: Violation) -> bool {
        let findings = self.findings.iter();
        let of_kind = findings.filter(|finding| finding.violation == violation);
        of_kind.count() < Self::FINDINGS_PER_KIND
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_violations_are_counted_and_the_first_described() {
        let mut verdict = Verdict::default();
        assert!(verdict.is_clean());
        for n in 0..5 {
            verdict.add(Violation::Torn, || format!("append {n}"));
        }
        let mut other = Verdict::default();
        other.add(Violation::Torn, || "another".to_owned());
        other.add(Violation::Lost, || "an event".to_owned());
        verdict.absorb(other);
        let counts = Violation::ALL.map(|violation| verdict.count(violation));
        assert_eq!(counts, [1, 0, 0, 0, 6, 0, 0]);
        let messages: Vec<_> = verdict
            .findings()
            .map(|finding| &*finding.message)
            .collect();
        assert_eq!(messages, ["an event", "append 0", "append 1", "append 2"]);
    }
}
