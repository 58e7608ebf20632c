//! What is wrong, counted by kind, with the first findings of each kind told in full.

use std::fmt;

use serde::Serialize;

/// A promise that was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An acknowledged event is not in the store, a stored one never came to a reader, or one that a reader saw is gone.
    Lost,
    /// A reader met positions, or the versions of a stream, in another order than rising.
    Reordered,
    /// A reader met an event twice, or the store holds it twice.
    Doubled,
    /// An event is there that was refused or rolled back, or that nobody wrote.
    Appeared,
    /// A part of an append is there, and the rest is not.
    Torn,
    /// The versions of a stream are not 1, 2, 3, .. in the order of their positions.
    Gap,
    /// An answer of the store does not agree with what it holds.
    Disagrees,
}

impl Kind {
    /// Every kind, in the order in which they are told.
    pub const ALL: [Self; 7] = [
        Self::Lost,
        Self::Reordered,
        Self::Doubled,
        Self::Appeared,
        Self::Torn,
        Self::Gap,
        Self::Disagrees,
    ];

    const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Lost => "lost",
            Self::Reordered => "reordered",
            Self::Doubled => "doubled",
            Self::Appeared => "appeared",
            Self::Torn => "torn",
            Self::Gap => "gaps",
            Self::Disagrees => "disagrees",
        })
    }
}

/// One breach, told so that it can be looked for in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which promise.
    pub kind: Kind,
    /// What, where, and who saw it.
    pub told: String,
}

/// All that is wrong.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    counts: [u64; Kind::ALL.len()],
    findings: Vec<Finding>,
}

impl Verdict {
    /// So many findings of a kind are told; the rest are counted.
    const TOLD: usize = 3;

    /// Another breach. `tell` is called for the first few of a kind only.
    pub fn add(&mut self, kind: Kind, tell: impl FnOnce() -> String) {
        self.counts[kind.index()] += 1;
        if self.told(kind) < Self::TOLD {
            let told = tell();
            self.findings.push(Finding { kind, told });
        }
    }

    /// What somebody else has found, too.
    pub fn absorb(&mut self, other: Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        for finding in other.findings {
            if self.told(finding.kind) < Self::TOLD {
                self.findings.push(finding);
            }
        }
    }

    /// How often the promise was broken.
    #[must_use]
    pub const fn count(&self, kind: Kind) -> u64 {
        self.counts[kind.index()]
    }

    /// Whether every promise was kept.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }

    /// The first findings of each kind.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        Kind::ALL
            .into_iter()
            .flat_map(|kind| self.findings.iter().filter(move |found| found.kind == kind))
    }

    fn told(&self, kind: Kind) -> usize {
        let of_kind = self.findings.iter().filter(|finding| finding.kind == kind);
        of_kind.count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_breach_is_counted_and_the_first_few_are_told() {
        let mut verdict = Verdict::default();
        assert!(verdict.is_clean());
        for n in 0..5 {
            verdict.add(Kind::Torn, || format!("append {n}"));
        }
        let mut other = Verdict::default();
        other.add(Kind::Torn, || "another".to_owned());
        other.add(Kind::Lost, || "an event".to_owned());
        verdict.absorb(other);
        let counts = Kind::ALL.map(|kind| verdict.count(kind));
        assert_eq!(counts, [1, 0, 0, 0, 6, 0, 0]);
        let told: Vec<_> = verdict.findings().map(|finding| &*finding.told).collect();
        assert_eq!(told, ["an event", "append 0", "append 1", "append 2"]);
    }
}
