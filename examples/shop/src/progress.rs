//! Where the orders stand, read from the order service's store, and a line about it every second.

use std::time::{Duration, Instant};

use cqrs_core::{
    ReadModel, Store, View,
    model::{PartitionId, Slices},
};

use crate::{
    error::{At, ShopError},
    order::{OrderTotals, Totals},
};

const EVERY: Duration = Duration::from_secs(1);

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

/// Tells how it goes. Plain lines, which read well in a file, too.
#[derive(Debug)]
pub struct Progress {
    wanted: u64,
    started: Instant,
    told: Instant,
    moved: Instant,
    last: Standing,
}

impl Progress {
    /// So many orders are wanted in the end.
    pub fn new(wanted: u64) -> Self {
        let now = Instant::now();
        Self {
            wanted,
            started: now,
            told: now,
            moved: now,
            last: Standing::default(),
        }
    }

    /// Takes note, and prints a line when it is time for one.
    pub fn note(&mut self, standing: Standing) {
        if standing != self.last {
            (self.last, self.moved) = (standing, Instant::now());
        }
        if self.told.elapsed() >= EVERY {
            self.told = Instant::now();
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
        println!(
            "{:>5.0} s  placed {} of {}  settled {} ({} completed, {} closed)  open {}  lag {lag} events",
            self.started.elapsed().as_secs_f64(),
            totals.placed,
            self.wanted,
            totals.settled(),
            totals.completed,
            totals.closed,
            totals.placed.saturating_sub(totals.settled()),
        );
    }
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
