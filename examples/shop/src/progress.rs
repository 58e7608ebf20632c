//! The status of the orders, read from the order service's store, and a line about it every second.

use std::time::{Duration, Instant};

use cqrs_core::{
    ReadModel, Store, View,
    model::{PartitionId, Slices},
    run_loop::{Phase, Progress},
    service::{PartKind, PartName},
};

use crate::{
    error::{ErrorContext, ShopError},
    order::{OrderTotals, Totals},
};

const PRINT_INTERVAL: Duration = Duration::from_secs(1);

/// How often to check whether all parts have started.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How long the start may take, even with slow servers.
const START_LIMIT: Duration = Duration::from_secs(120);

/// The status of all orders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OrderStatus {
    pub totals: Totals,
    /// How far the totals are behind their log, in positions.
    pub lag: u64,
}

impl OrderStatus {
    /// Reads the status. The end of the log is read first, so that the totals are not older than it.
    pub async fn read<S: Store>(orders: &S) -> Result<Self, ShopError> {
        let view = OrderTotals::NAME;
        let end = orders.high_water_mark().await.context(view)?.get();
        let log = PartitionId::Log(Slices::ALL);
        let read = orders.checkpoint(view, &log).await.context(view)?;
        let read = read.map_or(0, |checkpoint| checkpoint.offset.get());
        let totals = ReadModel::<OrderTotals, _>::new(orders);
        let totals = totals.get(OrderTotals::KEY).await.context(view)?;
        let totals = totals.unwrap_or_default();
        let lag = end.saturating_sub(read);
        Ok(Self { totals, lag })
    }

    /// Whether every order in the log is final.
    pub fn is_settled(self) -> bool {
        self.lag == 0 && self.totals.settled() == self.totals.placed
    }
}

/// Prints the progress as plain lines, which are readable in a file too.
#[derive(Debug)]
pub struct ProgressLines {
    orders: u64,
    started: Instant,
    printed: Instant,
    moved: Instant,
    last: OrderStatus,
}

impl ProgressLines {
    /// For a run that places this many orders.
    pub fn new(orders: u64) -> Self {
        let now = Instant::now();
        Self {
            orders,
            started: now,
            printed: now,
            moved: now,
            last: OrderStatus::default(),
        }
    }

    /// Waits until every part is running. Prints a line at once and every second.
    pub async fn wait_until_started(
        &self,
        parts: &[(PartName, Progress)],
    ) -> Result<(), ShopError> {
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
            let mut waiting = parts.iter().filter(|(_, progress)| !is_running(progress));
            let Some((part, progress)) = waiting.next() else {
                self.line("all are running");
                return Ok(());
            };
            let count = parts.len() - 1 - waiting.count();
            let error = progress.last_error();
            let why = error.map_or_else(String::new, |error| format!(" ({error})"));
            if printed.elapsed() >= PRINT_INTERVAL {
                printed = Instant::now();
                let all = parts.len();
                self.line(&format!(
                    "{count} of {all} are running, waiting for {part}{why}"
                ));
            }
            if self.started.elapsed() > START_LIMIT {
                let reason = format!("has not started{why}");
                return Err(ShopError::new(part.to_string(), &reason));
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    fn line(&self, text: &str) {
        println!("{:>5.0} s  {text}", self.started.elapsed().as_secs_f64());
    }

    /// Records the status. Prints a line if the last one is a second old.
    pub fn note(&mut self, status: OrderStatus) {
        if status != self.last {
            (self.last, self.moved) = (status, Instant::now());
        }
        if self.printed.elapsed() >= PRINT_INTERVAL {
            self.printed = Instant::now();
            self.print();
        }
    }

    /// How long nothing has changed.
    pub fn stalled_for(&self) -> Duration {
        self.moved.elapsed()
    }

    /// Prints the last status.
    pub fn print(&self) {
        let OrderStatus { totals, lag } = self.last;
        self.line(&format!(
            "placed {} of {}  settled {} ({} completed, {} closed)  open {}  lag {lag} events",
            totals.placed,
            self.orders,
            totals.settled(),
            totals.completed,
            totals.closed,
            totals.placed.saturating_sub(totals.settled()),
        ));
    }
}

/// Whether the part has read its store or its topics, or published.
fn is_running(progress: &Progress) -> bool {
    matches!(progress.phase(), Phase::Reading | Phase::CaughtUp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_settled_when_all_are_final_and_totals_are_current() {
        let totals = Totals {
            placed: 3,
            completed: 2,
            closed: 1,
        };
        assert!(OrderStatus { totals, lag: 0 }.is_settled());
        assert!(!OrderStatus { totals, lag: 1 }.is_settled());
        let totals = Totals {
            placed: 4,
            ..totals
        };
        assert!(!OrderStatus { totals, lag: 0 }.is_settled());
    }
}
