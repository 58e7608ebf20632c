//! The customers, who place orders concurrently.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use cqrs_core::{CommandStore, ExecuteError, Repository, Store};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    cli::Options,
    error::{ErrorContext, ShopError},
    goods::{deliveries, line, order_id},
    inventory::{Stock, StockCommand},
    order::{Order, OrderCommand, OrderError},
};

/// How long to wait before a retry while the store is unavailable.
const RETRY_WAIT: Duration = Duration::from_millis(500);

/// Puts goods into stock. A delivery that was received before is not received again.
pub async fn deliver<S: Store>(inventory: &S, options: &Options) -> Result<(), ShopError> {
    let stock = inventory.repository::<Stock>();
    for (sku, quantity) in deliveries(options.seed, options.orders) {
        let delivery = format!("{}-{}", options.name, options.seed);
        let receive = StockCommand::Receive { delivery, quantity };
        stock
            .execute(&sku, receive)
            .await
            .context(format!("delivery of {sku}"))?;
    }
    Ok(())
}

/// Customers who are placing orders.
pub struct Customers {
    shared: Arc<Shared>,
    tasks: JoinSet<Result<(), ShopError>>,
}

struct Shared {
    first: u64,
    opened: Instant,
    /// The number of the next order to place.
    next: AtomicU64,
    /// The number to stop before.
    end: AtomicU64,
    /// How many orders were placed for the first time.
    new: AtomicU64,
}

impl Shared {
    /// When the `n`-th order is due.
    fn time_of(&self, n: u64, rate: u32) -> Instant {
        let seconds = Duration::from_secs(n - self.first);
        self.opened + seconds / rate
    }
}

impl Customers {
    /// Places the orders with these numbers.
    pub fn place<S: Store>(orders: &S, options: &Options, numbers: Range<u64>) -> Self {
        let shared = Arc::new(Shared {
            first: numbers.start,
            opened: Instant::now(),
            next: numbers.start.into(),
            end: numbers.end.into(),
            new: 0.into(),
        });
        let mut tasks = JoinSet::new();
        for _ in 0..options.concurrency {
            let orders = orders.repository::<Order>();
            tasks.spawn(work(orders, options.clone(), Arc::clone(&shared)));
        }
        Self { shared, tasks }
    }

    /// Lets the customers finish their current orders and place no more.
    pub fn stop(&self) {
        self.shared.end.store(0, Relaxed);
    }

    /// How many orders were placed, without those that an earlier run had placed.
    pub fn new_orders(&self) -> u64 {
        self.shared.new.load(Relaxed)
    }

    /// Whether all of them have finished.
    pub fn are_done(&mut self) -> Result<bool, ShopError> {
        while let Some(ended) = self.tasks.try_join_next() {
            ended.context("customers")??;
        }
        Ok(self.tasks.is_empty())
    }
}

async fn work<S: Store>(
    orders: Repository<Order, S>,
    options: Options,
    shared: Arc<Shared>,
) -> Result<(), ShopError> {
    loop {
        let n = shared.next.fetch_add(1, Relaxed);
        if n >= shared.end.load(Relaxed) {
            return Ok(());
        }
        if let Some(rate) = options.rate {
            tokio::time::sleep_until(shared.time_of(n, rate)).await;
        }
        let new = place(&orders, &options, n).await?;
        shared.new.fetch_add(u64::from(new), Relaxed);
    }
}

/// Places one order. `false`: an earlier run had placed it.
async fn place<S: Store>(
    orders: &Repository<Order, S>,
    options: &Options,
    n: u64,
) -> Result<bool, ShopError> {
    let id = order_id(&options.name, n);
    loop {
        let place = OrderCommand::Place(line(options.seed, n));
        match orders.execute(&id, place).await {
            Ok(done) => return Ok(!done.events.is_empty()),
            Err(ExecuteError::Store(error)) if error.is_retryable() => {
                tracing::warn!(order = id, %error, "the store is unavailable, trying again");
                tokio::time::sleep(RETRY_WAIT).await;
            }
            Err(error @ ExecuteError::Rejected(OrderError::PlacedBefore { .. })) => {
                let hint = "start again with the --seed and --name that it began with";
                return Err(error).context(format!("order {id} ({hint})"));
            }
            Err(error) => return Err(error).context(format!("order {id}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use cqrs_core::MemoryEventStore;

    use super::*;

    async fn placed(store: &MemoryEventStore, options: &Options) -> Result<u64, ShopError> {
        let mut customers = Customers::place(store, options, 0..options.orders);
        while !customers.are_done()? {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(customers.new_orders())
    }

    fn options(seed: &str) -> Options {
        Options::parse_from(["shop", "--orders", "50", "--seed", seed])
    }

    #[tokio::test]
    async fn placed_orders_are_not_placed_again() {
        let store = MemoryEventStore::default();
        assert_eq!(placed(&store, &options("1")).await.expect("placed"), 50);
        assert_eq!(placed(&store, &options("1")).await.expect("placed"), 0);
    }

    #[tokio::test]
    async fn a_run_with_another_seed_fails_and_names_the_option() {
        let store = MemoryEventStore::default();
        placed(&store, &options("1")).await.expect("placed");
        let error = placed(&store, &options("2"))
            .await
            .expect_err("other orders");
        assert!(error.to_string().contains("--seed"), "{error}");
    }
}
