//! Where the orders stand, read from the order service's store, and a line about it every second.

use std::time::{Duration, Instant};

use cqrs_core::{
    Phase, Progress, ReadModel, Store, View,
    model::{PartitionId, Slices},
    service::{PartKind, PartName},
};

use crate::{
    error::{At, ShopError},
    order::{OrderTotals, Totals},
};

const EVERY: Duration = Duration::from_secs(1);

/// How often to look whether all parts have started.
const LOOK: Duration = Duration::from_millis(20);

/// How long the start may take, on servers that are slow to answer.
const START: Duration = Duration::from_secs(120);

/// Where the orders stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    pub totals: Totals,
    /// How far the totals are behind the log they are kept of, in positions.
    pub lag: u64,
}

impl Standing {
    /// Reads it. The log's end comes first, so that the totals are of that moment or of a later one.
    pub async fn read<S: Store>(orders: &S) -> Result<Self, ShopError> {
        let view = OrderTotals::NAME;
        let end = orders.high_water_mark().await.at(view)?.get();
        let log = PartitionId::Log(Slices::ALL);
        let read = orders.checkpoint(view, &log).await.at(view)?;
        let read = read.map_or(0, |checkpoint| checkpoint.offset.get());
        let totals = ReadModel::<OrderTotals, _>::new(orders.clone());
        let totals = totals.get(OrderTotals::KEY).await.at(view)?;
        let totals = totals.unwrap_or_default();
        let lag = end.saturating_sub(read);
        Ok(Self { totals, lag })
    }

    /// Whether every order that is in the log is final.
    pub fn is_settled(self) -> bool {
        self.lag == 0 && self.totals.settled() == self.totals.placed
    }
}

/// Prints how it goes. Plain lines, which read well in a file, too.
#[derive(Debug)]
pub struct ProgressLines {
    wanted: u64,
    started: Instant,
    printed: Instant,
    moved: Instant,
    last: Standing,
}

impl ProgressLines {
    /// This many orders are wanted in the end.
    pub fn new(wanted: u64) -> Self {
        let now = Instant::now();
        Self {
            wanted,
            started: now,
            printed: now,
            moved: now,
            last: Standing::default(),
        }
    }

    /// Waits until every part is at work, with a line at once and every second.
    pub async fn all_started(&self, parts: &[(PartName, Progress)]) -> Result<(), ShopError> {
        let relays = parts
            .iter()
            .filter(|(part, _)| part.kind == PartKind::Relay);
        let relays = relays.count();
        let others = parts.len() - relays;
        self.line(&format!(
            "starting {relays} relays and {others} subscriptions"
        ));
        let mut printed = Instant::now();
        loop {
            let mut waiting = parts.iter().filter(|(_, progress)| !is_at_work(progress));
            let Some((part, progress)) = waiting.next() else {
                self.line("all are at work");
                return Ok(());
            };
            let count = parts.len() - 1 - waiting.count();
            let error = progress.last_error();
            let why = error.map_or_else(String::new, |error| format!(" ({error})"));
            if printed.elapsed() >= EVERY {
                printed = Instant::now();
                let all = parts.len();
                self.line(&format!(
                    "{count} of {all} are at work, not yet {part}{why}"
                ));
            }
            if self.started.elapsed() > START {
                let reason = format!("has not started{why}");
                return Err(ShopError::new(part.to_string(), &reason));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn line(&self, text: &str) {
        println!("{:>5.0} s  {text}", self.started.elapsed().as_secs_f64());
    }

    /// Takes note, and prints a line when it is time for one.
    pub fn note(&mut self, standing: Standing) {
        if standing != self.last {
            (self.last, self.moved) = (standing, Instant::now());
        }
        if self.printed.elapsed() >= EVERY {
            self.printed = Instant::now();
            self.print();
        }
    }

    /// How long nothing has changed.
    pub fn stuck(&self) -> Duration {
        self.moved.elapsed()
    }

    /// Prints where the orders stand.
    pub fn print(&self) {
        let Standing { totals, lag } = self.last;
        self.line(&format!(
            "placed {} of {}  settled {} ({} completed, {} closed)  open {}  lag {lag} events",
            totals.placed,
            self.wanted,
            totals.settled(),
            totals.completed,
            totals.closed,
            totals.placed.saturating_sub(totals.settled()),
        ));
    }
}

/// Whether it has read its store or its topics, or published.
fn is_at_work(progress: &Progress) -> bool {
    matches!(progress.phase(), Phase::Reading | Phase::CaughtUp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_settled_when_all_of_them_are_final_and_the_totals_are_up_to_date() {
        let totals = Totals {
            placed: 3,
            completed: 2,
            closed: 1,
        };
        assert!(Standing { totals, lag: 0 }.is_settled());
        assert!(!Standing { totals, lag: 1 }.is_settled());
        let totals = Totals {
            placed: 4,
            ..totals
        };
        assert!(!Standing { totals, lag: 0 }.is_settled());
    }
}
