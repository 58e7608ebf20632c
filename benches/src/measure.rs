//! Loops that count, and rounds in which both sides take turns.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::Outcome;

/// How often a second `work` is done when so many workers do it one after the other.
pub(crate) async fn rate<W, F>(workers: u32, time: Duration, work: W) -> Outcome<f64>
where
    W: Fn() -> F + Clone + Send + 'static,
    F: Future<Output = Outcome<()>> + Send,
{
    let begun = Instant::now();
    let until = begun + time;
    let mut loops = JoinSet::new();
    for _ in 0..workers {
        let work = work.clone();
        loops.spawn(async move {
            let mut done = 0_u64;
            while Instant::now() < until {
                work().await?;
                done += 1;
            }
            Outcome::Ok(done)
        });
    }
    let mut done = 0;
    while let Some(counted) = loops.join_next().await {
        done += counted??;
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
    for _ in 0..rounds {
        pairs.add(ours(time).await?, raw(time).await?);
    }
    Ok(pairs)
}
