//! What came of a run, for people and as one line of JSON.

use std::fmt;

use serde_json::{Value, json};

use crate::{
    audit::Settled,
    mischief::Damage,
    stall::Stall,
    verdict::{Finding, Kind, Verdict},
    writer::Deeds,
};

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Report {
    /// What was checked.
    pub store: String,
    /// The dice.
    pub seed: u64,
    /// So many wrote at once.
    pub writers: u16,
    /// So many read at once.
    pub readers: u16,
    /// How long was written.
    pub seconds: f64,
    /// Acknowledged appends.
    pub commits: u64,
    /// Events in the store at the end.
    pub events: u64,
    /// Streams in the store at the end.
    pub streams: u64,
    /// What writers did.
    pub deeds: Deeds,
    /// What became of the appends whose outcome was unknown.
    pub settled: Settled,
    /// What was done to the store.
    pub damage: Damage,
    /// The longest time in which a reader stood still.
    pub stall: Option<Stall>,
    /// What is wrong.
    pub verdict: Verdict,
}

impl Report {
    /// One line of JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let counts: serde_json::Map<String, Value> = Kind::ALL
            .into_iter()
            .map(|kind| (kind.to_string(), self.verdict.count(kind).into()))
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
            "deeds": self.deeds,
            "unknown_happened": self.settled.happened,
            "unknown_had_not": self.settled.not,
            "damage": self.damage,
            "longest_stall": self.stall,
            "kept": self.verdict.is_clean(),
            "breaches": counts,
            "findings": self.verdict.findings().collect::<Vec<&Finding>>(),
        })
    }

    /// What was sent again under its key until it was answered.
    fn settled_by_keys(&self) -> u64 {
        let Settled { happened, not } = self.settled;
        self.deeds.unknown.saturating_sub(happened + not)
    }

    fn rate(&self) -> f64 {
        self.commits as f64 / self.seconds.max(f64::EPSILON)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            deeds,
            settled,
            damage,
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
            deeds.appends,
            deeds.keyed,
            deeds.units,
            deeds.prepared
        )?;
        writeln!(
            f,
            "in the store   {} events on {} streams",
            self.events, self.streams
        )?;
        writeln!(
            f,
            "refused        {} conflicts, {} rolled back or dropped, {} could not be done",
            deeds.conflicts, deeds.rolled_back, deeds.unavailable
        )?;
        writeln!(
            f,
            "unknown        {} outcomes: {} had happened, {} had not, {} were settled by their keys",
            deeds.unknown,
            settled.happened,
            settled.not,
            self.settled_by_keys()
        )?;
        writeln!(
            f,
            "mischief       {} connections killed, {} server crashes, {} guards held, {} old transactions",
            damage.killed, damage.crashes, damage.guards_held, damage.old_transactions
        )?;
        match &self.stall {
            None => writeln!(f, "longest stall  none")?,
            Some(stall) => {
                let Stall {
                    seconds,
                    at_second,
                    reader,
                    position,
                    causes,
                } = stall;
                writeln!(
                    f,
                    "longest stall  {seconds:.2} s: at {at_second:.1} s reader {reader} stood at position {position}"
                )?;
                for cause in causes {
                    writeln!(f, "  {cause}")?;
                }
                if causes.is_empty() {
                    writeln!(
                        f,
                        "  nobody was found in its way: it was busy, or waited for a processor"
                    )?;
                }
            }
        }
        for kind in Kind::ALL {
            writeln!(f, "{kind:<14} {}", self.verdict.count(kind))?;
        }
        for Finding { kind, told } in self.verdict.findings() {
            writeln!(f, "  {kind}: {told}")?;
        }
        f.write_str(if self.verdict.is_clean() {
            "every promise was kept"
        } else {
            "PROMISES WERE BROKEN"
        })
    }
}
