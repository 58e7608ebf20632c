//! The steps of the program: open the shop, serve the customers, audit the books, rebuild the read models, stop.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use cqrs_core::{
    run_loop::Progress,
    service::{PartName, ServiceError},
};
use tokio::sync::oneshot;

use crate::{
    audit::audit,
    books::Books,
    cli::Options,
    customers::{Customers, deliver},
    error::{ErrorContext, ShopError},
    interrupt::Interrupt,
    progress::{OrderStatus, ProgressLines},
    rebuild::rebuild,
    report::{Report, Served},
    setup::Setup,
    shop::Shop,
};

/// How often to read the status of the orders.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The run fails after this time without progress.
const STALL_LIMIT: Duration = Duration::from_secs(120);

/// A finding counts when the findings have not changed for this time: a read model may lag.
const VIEW_LAG_LIMIT: Duration = Duration::from_secs(30);

/// The outcome of a run.
pub struct Outcome {
    pub report: Report,
    pub books: Books,
    /// What is wrong. Empty if the run succeeded.
    pub findings: Vec<String>,
    pub interrupted: bool,
}

/// Runs the shop on this set-up. Stops everything in order before it returns, also after an error.
pub async fn run<U: Setup>(
    setup: U,
    options: &Options,
    interrupt: &Interrupt,
) -> Result<Outcome, ShopError> {
    let (shop, process) = Shop::open(&setup).await?;
    let parts = process.progress();
    let (stop, stopped) = oneshot::channel::<()>();
    let mut process = tokio::spawn(process.run_until(async { drop(stopped.await) }));
    let outcome = tokio::select! {
        outcome = serve_and_check(&shop, &parts, options, interrupt) => {
            drop(stop);
            let ended = (&mut process).await;
            outcome.and_then(|outcome| {
                ended.context("shop")?.context("shop")?;
                Ok(outcome)
            })
        }
        ended = &mut process => Err(ended_early(ended.context("shop")?)),
    };
    drop(shop);
    setup.close().await;
    outcome
}

fn ended_early<T>(ended: Result<T, ServiceError>) -> ShopError {
    match ended.context("shop") {
        Ok(_) => ShopError::new("shop", "all parts have stopped by themselves"),
        Err(error) => error,
    }
}

async fn serve_and_check<U: Setup>(
    shop: &Shop<U>,
    parts: &[(PartName, Progress)],
    options: &Options,
    interrupt: &Interrupt,
) -> Result<Outcome, ShopError> {
    let mut progress = ProgressLines::new(options.orders);
    progress.wait_until_started(parts).await?;
    deliver(shop.inventory.store(), options).await?;
    // One order first, to check that everything works. This also settles the orders that a killed run left open.
    serve(shop, options, interrupt, 0..1, &mut progress).await?;
    let before = shop.events().await?;
    let served = serve(shop, options, interrupt, 1..options.orders, &mut progress).await?;
    progress.print();
    let counts = shop.events().await?;
    let all_events = counts.values().sum();
    let mut report = Report {
        served,
        events: all_events - before.values().sum::<u64>(),
        all_events,
        rebuilt: None,
    };
    let (books, mut findings) = check(shop).await?;
    let interrupted = interrupt.is_set();
    if findings.is_empty() && !interrupted {
        let rebuilt = rebuild(shop, &counts).await?;
        findings.extend(rebuilt.differences.iter().cloned());
        report.rebuilt = Some(rebuilt);
    }
    Ok(Outcome {
        report,
        books,
        findings,
        interrupted,
    })
}

/// Places these orders and waits until every order in the store is final.
async fn serve<U: Setup>(
    shop: &Shop<U>,
    options: &Options,
    interrupt: &Interrupt,
    numbers: Range<u64>,
    progress: &mut ProgressLines,
) -> Result<Served, ShopError> {
    let orders = shop.order.store();
    let started = Instant::now();
    let mut placing_time = None;
    let settled_before = OrderStatus::read(orders).await?.totals.settled();
    let mut customers = Customers::place(orders, options, numbers);
    loop {
        if interrupt.is_set() {
            customers.stop();
        }
        let all_placed = customers.are_done()?;
        if all_placed && placing_time.is_none() {
            placing_time = Some(started.elapsed());
        }
        let status = OrderStatus::read(orders).await?;
        progress.note(status);
        if all_placed && status.is_settled() {
            let settling_time = started.elapsed();
            return Ok(Served {
                placed: customers.new_orders(),
                placing_time: placing_time.unwrap_or(settling_time),
                settled: status.totals.settled().saturating_sub(settled_before),
                settling_time,
            });
        }
        if progress.stalled_for() > STALL_LIMIT {
            return Err(stalled(status));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

fn stalled(status: OrderStatus) -> ShopError {
    let open = status.totals.placed.saturating_sub(status.totals.settled());
    let reason = format!(
        "no progress for {} s: {open} orders are open, the totals are {} events behind; RUST_LOG=info shows more",
        STALL_LIMIT.as_secs(),
        status.lag
    );
    ShopError::new("orders", &reason)
}

/// Audits the books. Read models may lag, so findings are checked again until they no longer change.
async fn check<U: Setup>(shop: &Shop<U>) -> Result<(Books, Vec<String>), ShopError> {
    let mut last = Vec::new();
    let mut changed = Instant::now();
    loop {
        let books = Books::read(shop).await?;
        let findings = audit(&books);
        if findings != last {
            (last, changed) = (findings, Instant::now());
        }
        if last.is_empty() || changed.elapsed() > VIEW_LAG_LIMIT {
            return Ok((books, last));
        }
        tokio::time::sleep(POLL_INTERVAL * 5).await;
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::{
        order::{Reason, State},
        setup::Embedded,
    };

    /// The whole job over real Kafka connections: about ten seconds, most of it to join the groups.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_run_without_servers_ends_with_books_that_balance() {
        let options = Options::parse_from(["shop", "--orders", "200"]);
        let setup = Embedded::start(&options).expect("a free port");
        let outcome = run(setup, &options, &Interrupt::never()).await;
        let Outcome {
            report,
            books,
            findings,
            interrupted,
        } = outcome.expect("nothing fails");
        assert_eq!((findings, interrupted), (vec![], false));
        assert_eq!(books.orders.len(), 200);
        for state in [
            State::Completed,
            State::Closed(Reason::OutOfStock),
            State::Closed(Reason::CardDeclined),
        ] {
            assert!(
                books.orders.values().any(|order| order.state == state),
                "{state:?}"
            );
        }
        let rebuilt = report.rebuilt.expect("the run was not interrupted");
        assert_eq!((rebuilt.views, rebuilt.differences), (7, vec![]));
    }
}
