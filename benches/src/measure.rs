//! Loops that count, and rounds in which both sides take turns.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::{Outcome, cpu::Cost};

/// What a worker still may do in a turn, and what it has done.
#[derive(Debug)]
pub(crate) struct Turn {
    until: Instant,
    done: u64,
}

impl Turn {
    /// Whether there is time for one more. If so it counts as done: what fails ends the run.
    pub(crate) fn goes_on(&mut self) -> bool {
        let on = Instant::now() < self.until;
        self.done += u64::from(on);
        on
    }
}

/// How often a second the work is done by so many workers at once. Each works off its turn and gives it back.
pub(crate) async fn rate<F>(
    workers: u32,
    time: Duration,
    worker: impl Fn(u32, Turn) -> F,
) -> Outcome<f64>
where
    F: Future<Output = Outcome<Turn>> + Send + 'static,
{
    let begun = Instant::now();
    let until = begun + time;
    let turns = (0..workers).map(|number| worker(number, Turn { until, done: 0 }));
    let mut turns: JoinSet<_> = turns.collect();
    let mut done = 0;
    while let Some(turn) = turns.join_next().await {
        done += turn??.done;
    }
    Ok(per_second(done, begun.elapsed()))
}

pub(crate) fn per_second(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

/// Rates of both sides, round by round.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    pub(crate) ours: Vec<f64>,
    pub(crate) raw: Vec<f64>,
    /// Of ours and of raw, where turns were taken.
    pub(crate) costs: Option<[Cost; 2]>,
}

impl Pairs {
    pub(crate) fn add(&mut self, ours: f64, raw: f64) {
        self.ours.push(ours);
        self.raw.push(raw);
    }
}

/// Ours, raw, ours, raw: whatever else the machine does meets both. A first, short turn opens connections and prepares
/// statements, and does not count.
pub(crate) async fn take_turns(
    rounds: u32,
    time: Duration,
    ours: impl AsyncFn(Duration) -> Outcome<f64>,
    raw: impl AsyncFn(Duration) -> Outcome<f64>,
) -> Outcome<Pairs> {
    let warm_up = time.min(Duration::from_millis(300));
    ours(warm_up).await?;
    raw(warm_up).await?;
    let mut pairs = Pairs::default();
    let mut costs = [Cost::default(), Cost::default()];
    for _ in 0..rounds {
        let ours = costs[0].of(ours(time)).await?;
        pairs.add(ours, costs[1].of(raw(time)).await?);
    }
    pairs.costs = Some(costs);
    Ok(pairs)
}
