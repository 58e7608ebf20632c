//! The result of a run, for people and as one line of JSON.

use std::fmt;

use serde_json::{Value, json};

use crate::{
    audit::UnknownOutcomes,
    faults::FaultCounts,
    stall::Stall,
    verdict::{Finding, Verdict, Violation},
    writer::WriterStats,
};

/// The result of a run.
#[derive(Debug, Clone)]
pub struct Report {
    /// The store that was checked.
    pub store: String,
    /// The seed of the random choices.
    pub seed: u64,
    /// The number of concurrent writers.
    pub writers: u16,
    /// The number of concurrent readers.
    pub readers: u16,
    /// How long the writers wrote.
    pub seconds: f64,
    /// The number of acknowledged appends.
    pub commits: u64,
    /// The number of events in the store at the end.
    pub events: u64,
    /// The number of streams in the store at the end.
    pub streams: u64,
    /// The operations of the writers and their outcomes.
    pub stats: WriterStats,
    /// How the appends with an unknown outcome ended.
    pub unknown: UnknownOutcomes,
    /// The faults that were injected.
    pub faults: FaultCounts,
    /// The longest time in which a reader did not advance.
    pub stall: Option<Stall>,
    /// The violations that were found.
    pub verdict: Verdict,
}

impl Report {
    /// The report as one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let counts: serde_json::Map<String, Value> = Violation::ALL
            .into_iter()
            .map(|violation| {
                let count = self.verdict.count(violation);
                (violation.to_string(), count.into())
            })
            .collect();
        json!({
            "store": self.store,
            "seed": self.seed,
            "writers": self.writers,
            "readers": self.readers,
            "seconds": self.seconds,
            "commits": self.commits,
            "events": self.events,
            "streams": self.streams,
            "stats": self.stats,
            "unknown_present": self.unknown.present,
            "unknown_absent": self.unknown.absent,
            "faults": self.faults,
            "longest_stall": self.stall,
            "kept": self.verdict.is_clean(),
            "violations": counts,
            "findings": self.verdict.findings().collect::<Vec<&Finding>>(),
        })
    }

    /// How many unknown outcomes were settled by sending the append again under its key.
    fn settled_by_keys(&self) -> u64 {
        let UnknownOutcomes { present, absent } = self.unknown;
        self.stats.unknown.saturating_sub(present + absent)
    }

    fn rate(&self) -> f64 {
        self.commits as f64 / self.seconds.max(f64::EPSILON)
    }

    fn write_stall(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(stall) = &self.stall else {
            return writeln!(f, "longest stall  none");
        };
        let Stall {
            seconds,
            at_second,
            reader,
            position,
            causes,
        } = stall;
        writeln!(
            f,
            "longest stall  {seconds:.2} s: at {at_second:.1} s reader {reader} stayed at position {position}"
        )?;
        for cause in causes {
            writeln!(f, "  {cause}")?;
        }
        if causes.is_empty() {
            writeln!(
                f,
                "  nothing blocked it: it was busy, or waited for a processor"
            )?;
        }
        Ok(())
    }

    fn write_verdict(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for violation in Violation::ALL {
            let count = self.verdict.count(violation);
            writeln!(f, "{violation:<14} {count}")?;
        }
        for Finding { violation, message } in self.verdict.findings() {
            writeln!(f, "  {violation}: {message}")?;
        }
        f.write_str(if self.verdict.is_clean() {
            "every promise was kept"
        } else {
            "PROMISES WERE BROKEN"
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            stats,
            unknown,
            faults,
            ..
        } = self;
        writeln!(f, "store          {}", self.store)?;
        writeln!(
            f,
            "run            {} writers, {} readers, seed {}",
            self.writers, self.readers, self.seed
        )?;
        writeln!(
            f,
            "acknowledged   {} commits in {:.1} s, {:.0} a second: {} appends, {} under a key, {} units of work; {} were prepared",
            self.commits,
            self.seconds,
            self.rate(),
            stats.appends,
            stats.keyed,
            stats.units,
            stats.prepared
        )?;
        writeln!(
            f,
            "in the store   {} events on {} streams",
            self.events, self.streams
        )?;
        writeln!(
            f,
            "rejected       {} conflicts, {} rolled back or dropped, {} unavailable",
            stats.conflicts, stats.rolled_back, stats.unavailable
        )?;
        writeln!(
            f,
            "unknown        {} outcomes: {} present, {} absent, {} settled by their keys",
            stats.unknown,
            unknown.present,
            unknown.absent,
            self.settled_by_keys()
        )?;
        writeln!(
            f,
            "faults         {} connections killed, {} server crashes, {} guards held, {} old transactions",
            faults.killed, faults.crashes, faults.guards_held, faults.old_transactions
        )?;
        self.write_stall(f)?;
        self.write_verdict(f)
    }
}
