//! Loops that count calls for a fixed time, and rounds in which both sides alternate.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::{Outcome, cpu::Costs};

/// Counts the calls of one worker until the time is over.
#[derive(Debug)]
pub(crate) struct TimedLoop {
    deadline: Instant,
    calls: u64,
}

impl TimedLoop {
    /// Whether there is time for another call. If so, that call counts: a call that fails ends the program.
    pub(crate) fn should_continue(&mut self) -> bool {
        let has_time = Instant::now() < self.deadline;
        self.calls += u64::from(has_time);
        has_time
    }
}

/// The calls per second of this many concurrent workers. Each calls until its loop ends, and returns the loop.
pub(crate) async fn rate<F>(
    workers: u32,
    time: Duration,
    worker: impl Fn(u32, TimedLoop) -> F,
) -> Outcome<f64>
where
    F: Future<Output = Outcome<TimedLoop>> + Send + 'static,
{
    let started = Instant::now();
    let deadline = started + time;
    let mut running: JoinSet<_> = (0..workers)
        .map(|number| worker(number, TimedLoop { deadline, calls: 0 }))
        .collect();
    let mut calls = 0;
    while let Some(finished) = running.join_next().await {
        calls += finished??.calls;
    }
    Ok(per_second(calls, started.elapsed()))
}

pub(crate) fn per_second(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

/// The rates of both sides in each round.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    pub(crate) ours: Vec<f64>,
    pub(crate) raw: Vec<f64>,
    /// Set by [`alternate`].
    pub(crate) costs: Option<Costs>,
}

impl Pairs {
    pub(crate) fn add(&mut self, ours: f64, raw: f64) {
        self.ours.push(ours);
        self.raw.push(raw);
    }
}

/// Measures ours, raw, ours, raw, so that other load on the machine affects both. A short warm-up opens connections and
/// prepares statements. It does not count.
pub(crate) async fn alternate(
    rounds: u32,
    time: Duration,
    ours: impl AsyncFn(Duration) -> Outcome<f64>,
    raw: impl AsyncFn(Duration) -> Outcome<f64>,
) -> Outcome<Pairs> {
    let warm_up = time.min(Duration::from_millis(300));
    ours(warm_up).await?;
    raw(warm_up).await?;
    let mut pairs = Pairs::default();
    let mut costs = Costs::default();
    for _ in 0..rounds {
        let ours = costs.ours.measure(ours(time)).await?;
        let raw = costs.raw.measure(raw(time)).await?;
        pairs.add(ours, raw);
    }
    pairs.costs = Some(costs);
    Ok(pairs)
}
