//! The cost of a call, even on a machine with other load: the processor time of client and server, and the allocations.

use std::{fs, time::Instant};

use serde_json::{Value, json};

use crate::{Outcome, allocations};

/// Linux reports processor time in hundredths of a second on every machine.
const TICK: f64 = 0.01;

/// The costs of both sides.
#[derive(Debug, Default)]
pub(crate) struct Costs {
    pub(crate) ours: Cost,
    pub(crate) raw: Cost,
}

impl Costs {
    /// The share of the machine's processor time that other programs used; `None` if the server's share is not known.
    pub(crate) fn other_load(&self) -> Option<f64> {
        let Self { ours, raw } = self;
        let cores = std::thread::available_parallelism().ok()?.get();
        let other = |cost: &Cost| cost.machine - cost.client - cost.server;
        let load = (other(ours) + other(raw)) / (ours.seconds + raw.seconds) / cores as f64;
        (ours.server > 0.0).then(|| (load * 100.0).round() / 100.0)
    }
}

/// The cost of the calls of one side.
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
    /// Measures a future that returns its calls per second.
    pub(crate) async fn measure(
        &mut self,
        turn: impl Future<Output = Outcome<f64>>,
    ) -> Outcome<f64> {
        let client = client_seconds();
        let server = server_seconds();
        let machine = machine_seconds();
        let allocated = allocations::count();
        let started = Instant::now();
        let rate = turn.await?;
        let seconds = started.elapsed().as_secs_f64();
        self.calls += rate * seconds;
        self.seconds += seconds;
        self.client += client_seconds() - client;
        self.server += server_seconds() - server;
        self.machine += machine_seconds() - machine;
        if let (Some(before), Some(now)) = (allocated, allocations::count()) {
            self.allocations = Some(self.allocations.unwrap_or_default() + now - before);
        }
        Ok(rate)
    }

    /// The allocations of a call, if they are counted.
    pub(crate) fn allocations(&self) -> Option<f64> {
        let each = self.allocations? as f64 / self.calls;
        Some((each * 10.0).round() / 10.0)
    }

    /// The processor time of a call in microseconds, as far as the system reports it.
    pub(crate) fn each(&self) -> Value {
        let each = |seconds: f64| {
            let micros = seconds / self.calls * 1e6;
            (micros > 0.0).then(|| (micros * 10.0).round() / 10.0)
        };
        json!({ "client": each(self.client), "server": each(self.server) })
    }
}

/// The processor time of this process.
fn client_seconds() -> f64 {
    times("self").map_or(0.0, |times| times.own)
}

/// The processor time of the PostgreSQL server, if `scripts/services` has set its process id.
fn server_seconds() -> f64 {
    let Ok(postmaster) = std::env::var("CQRS_PG_PID") else {
        return 0.0;
    };
    let ended = times(&postmaster).map_or(0.0, |times| times.own + times.ended_children);
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let all = all.filter_map(|entry| times(entry.file_name().to_str()?));
    let children = all.filter(|times| times.parent == postmaster);
    ended + children.map(|times| times.own).sum::<f64>()
}

/// The time that the processors of the machine were busy, added up. See proc(5).
fn machine_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let all = stat.lines().next().unwrap_or_default();
    let ticks: Vec<f64> = all.split_whitespace().flat_map(str::parse).collect();
    // User, nice and system time, then interrupts and stolen time. Idle and I/O wait are left out.
    let busy = ticks.iter().take(3).chain(ticks.iter().skip(5).take(3));
    busy.sum::<f64>() * TICK
}

struct Times {
    parent: String,
    own: f64,
    ended_children: f64,
}

/// See proc(5). The name of the process is in brackets and may contain anything.
fn times(process: &str) -> Option<Times> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<_> = fields.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some(Times {
        parent: (*fields.get(1)?).to_owned(),
        own: (ticks(11)? + ticks(12)?) * TICK,
        ended_children: (ticks(13)? + ticks(14)?) * TICK,
    })
}
