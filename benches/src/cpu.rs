//! Processor time of client and server, and allocations: what a call costs, even while others keep the machine busy.

use std::{fs, time::Instant};

use serde_json::{Value, json};

use crate::{Outcome, allocations};

/// Linux counts in hundredths of a second, whatever the machine.
const TICK: f64 = 0.01;

/// What the calls of one side have taken.
#[derive(Debug, Default)]
pub(crate) struct Cost {
    calls: f64,
    seconds: f64,
    client: f64,
    server: f64,
    machine: f64,
    allocations: Option<usize>,
}

impl Cost {
    /// Adds a turn of so many calls a second.
    pub(crate) async fn of(&mut self, turn: impl Future<Output = Outcome<f64>>) -> Outcome<f64> {
        let (begun, client, server, machine) = (Instant::now(), client(), server(), machine());
        let allocated = allocations::so_far();
        let rate = turn.await?;
        let seconds = begun.elapsed().as_secs_f64();
        self.calls += rate * seconds;
        self.seconds += seconds;
        self.client += self::client() - client;
        self.server += self::server() - server;
        self.machine += self::machine() - machine;
        if let (Some(before), Some(now)) = (allocated, allocations::so_far()) {
            self.allocations = Some(self.allocations.unwrap_or_default() + now - before);
        }
        Ok(rate)
    }

    /// Which part of the machine was busy with something else; none if the server's part is not known.
    pub(crate) fn others(costs: &[Self; 2]) -> Option<f64> {
        let [ours, raw] = costs;
        let cores = std::thread::available_parallelism().ok()?.get();
        let busy = |cost: &Self| cost.machine - cost.client - cost.server;
        let others = (busy(ours) + busy(raw)) / (ours.seconds + raw.seconds) / cores as f64;
        (ours.server > 0.0).then(|| (others * 100.0).round() / 100.0)
    }

    /// How often a call asked for memory, if that is counted.
    pub(crate) fn allocations(&self) -> Option<f64> {
        let each = self.allocations? as f64 / self.calls;
        Some((each * 10.0).round() / 10.0)
    }

    /// Microseconds of a call, of those that the system tells.
    pub(crate) fn each(&self) -> Value {
        let each = |seconds: f64| {
            let micros = seconds / self.calls * 1e6;
            (micros > 0.0).then(|| (micros * 10.0).round() / 10.0)
        };
        json!({ "client": each(self.client), "server": each(self.server) })
    }
}

/// Seconds that this process has had.
fn client() -> f64 {
    times("self").map_or(0.0, |times| times.own)
}

/// Seconds that the PostgreSQL server has had, if `scripts/services` told its process.
fn server() -> f64 {
    let Ok(postmaster) = std::env::var("CQRS_PG_PID") else {
        return 0.0;
    };
    let ended = times(&postmaster).map_or(0.0, |times| times.own + times.of_ended_children);
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let all = all.filter_map(|entry| times(entry.file_name().to_str()?));
    let children = all.filter(|times| times.parent == postmaster);
    ended + children.map(|times| times.own).sum::<f64>()
}

/// Seconds that all processors have been busy, with whatever. See proc(5).
fn machine() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let all = stat.lines().next().unwrap_or_default();
    let ticks: Vec<f64> = all.split_whitespace().flat_map(str::parse).collect();
    // User, nice, system; idle and waiting are left out; interrupts, stolen.
    let busy = ticks.iter().take(3).chain(ticks.iter().skip(5).take(3));
    busy.sum::<f64>() * TICK
}

struct Times {
    parent: String,
    own: f64,
    of_ended_children: f64,
}

/// See proc(5). A name in brackets comes first and may hold anything.
fn times(process: &str) -> Option<Times> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<_> = fields.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some(Times {
        parent: (*fields.get(1)?).to_owned(),
        own: (ticks(11)? + ticks(12)?) * TICK,
        of_ended_children: (ticks(13)? + ticks(14)?) * TICK,
    })
}
