//! The result of a run, as a table for people and as one line of JSON.

use std::fmt;

use serde_json::{Value, json};

use super::counts::RunnerCounts;
use crate::verdict::{Finding, Verdict, Violation};

/// The result of a run.
#[derive(Debug, Clone)]
pub struct RunnerReport {
    /// The store.
    pub store: String,
    /// The number of processes.
    pub processes: u16,
    /// For how long they were attacked.
    pub seconds: f64,
    /// The number of events in the log.
    pub events: u64,
    /// What was done.
    pub counts: RunnerCounts,
    /// What the comparison with the log found.
    pub verdict: Verdict,
}

impl RunnerReport {
    /// Whether every event was handled once and in order, and no process ended by itself.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.verdict.is_clean() && self.counts.ended == 0
    }

    /// The report as one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let violations: serde_json::Map<String, Value> = VIOLATIONS
            .into_iter()
            .map(|(violation, _)| (violation.to_string(), self.verdict.count(violation).into()))
            .collect();
        json!({
            "store": self.store,
            "processes": self.processes,
            "seconds": self.seconds,
            "events": self.events,
            "counts": self.counts,
            "kept": self.is_clean(),
            "violations": violations,
            "findings": self.verdict.findings().collect::<Vec<&Finding>>(),
        })
    }
}

/// What can be found, and its name in the table.
const VIOLATIONS: [(Violation, &str); 4] = [
    (Violation::Lost, "lost"),
    (Violation::Duplicated, "doubled"),
    (Violation::Reordered, "out of order"),
    (Violation::Unexpected, "unexpected"),
];

impl fmt::Display for RunnerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        writeln!(f, "store            {}", self.store)?;
        writeln!(
            f,
            "run              {} processes, attacked for {:.1} s",
            self.processes, self.seconds
        )?;
        writeln!(f, "events           {}", self.events)?;
        writeln!(f, "kills            {}", counts.kills)?;
        writeln!(
            f,
            "stops            {}, {} of them for longer than the lease",
            counts.stops, counts.beyond_lease
        )?;
        writeln!(f, "sessions ended   {}", counts.sessions_ended)?;
        writeln!(f, "server crashes   {}", counts.crashes)?;
        writeln!(f, "re-partitions    {}", counts.repartitions)?;
        writeln!(f, "parked           {}", counts.parked)?;
        writeln!(f, "redriven         {}", counts.redriven)?;
        for (violation, name) in VIOLATIONS {
            writeln!(f, "{name:<16} {}", self.verdict.count(violation))?;
        }
        writeln!(f, "ended by itself  {}", counts.ended)?;
        for Finding { message, .. } in self.verdict.findings() {
            writeln!(f, "  {message}")?;
        }
        f.write_str(if self.is_clean() {
            "every guarantee was kept"
        } else {
            "GUARANTEES WERE BROKEN"
        })
    }
}
