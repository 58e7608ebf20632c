//! The main job: open the shop, serve the customers, check the books, rebuild the read models, close the shop.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use cqrs_core::{Progress, ServiceError, service::PartName};
use tokio::sync::oneshot;

use crate::{
    audit::audit,
    books::Books,
    cli::Options,
    customers::{Customers, deliver},
    error::{At, ShopError},
    interrupt::Interrupt,
    progress::{ProgressLines, Standing},
    rebuild::rebuild,
    report::{Report, Served},
    setup::Setup,
    shop::Shop,
};

/// How often to look where the orders stand.
const LOOK: Duration = Duration::from_millis(50);

/// How long nothing may move before the run is given up.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long the last read models may be behind the orders without moving.
const LAST_VIEWS: Duration = Duration::from_secs(30);

/// What came of a run.
pub struct Outcome {
    pub report: Report,
    pub books: Books,
    /// What is off.
    pub findings: Vec<String>,
    pub interrupted: bool,
}

/// Runs the shop on this set-up. Whatever happens, everything is stopped in order before this returns.
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
        outcome = day(&shop, &parts, options, interrupt) => {
            drop(stop);
            let ended = (&mut process).await;
            outcome.and_then(|outcome| {
                ended.at("shop")?.at("shop")?;
                Ok(outcome)
            })
        }
        ended = &mut process => Err(too_early(ended.at("shop")?)),
    };
    drop(shop);
    setup.close().await;
    outcome
}

fn too_early<T>(ended: Result<T, ServiceError>) -> ShopError {
    match ended.at("shop") {
        Ok(_) => ShopError::new("shop", "everything has stopped by itself"),
        Err(error) => error,
    }
}

async fn day<U: Setup>(
    shop: &Shop<U>,
    parts: &[(PartName, Progress)],
    options: &Options,
    interrupt: &Interrupt,
) -> Result<Outcome, ShopError> {
    let mut progress = ProgressLines::new(options.orders);
    progress.all_started(parts).await?;
    deliver(shop.inventory.store(), options).await?;
    // One order alone, to see that everything works. What a killed run left open is settled with it.
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
    let (started, mut placing) = (Instant::now(), None);
    let settled_before = Standing::read(orders).await?.totals.settled();
    let mut customers = Customers::place(orders, options, numbers);
    loop {
        if interrupt.is_set() {
            customers.stop();
        }
        let gone_home = customers.are_done()?;
        if gone_home && placing.is_none() {
            placing = Some(started.elapsed());
        }
        let standing = Standing::read(orders).await?;
        progress.note(standing);
        if gone_home && standing.is_settled() {
            let settling = started.elapsed();
            return Ok(Served {
                placed: customers.new_orders(),
                placing: placing.unwrap_or(settling),
                settled: standing.totals.settled().saturating_sub(settled_before),
                settling,
            });
        }
        if progress.stuck() > PATIENCE {
            return Err(stuck(standing));
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn stuck(standing: Standing) -> ShopError {
    let open = standing
        .totals
        .placed
        .saturating_sub(standing.totals.settled());
    let reason = format!(
        "nothing has moved for {} s: {open} orders are open, the totals are {} events behind; RUST_LOG=info tells more",
        PATIENCE.as_secs(),
        standing.lag
    );
    ShopError::new("orders", &reason)
}

/// Audits the books. The read models behind other topics may be a moment late, so what is off is looked at again.
async fn check<U: Setup>(shop: &Shop<U>) -> Result<(Books, Vec<String>), ShopError> {
    let (mut last, mut moved) = (Vec::new(), Instant::now());
    loop {
        let books = Books::read(shop).await?;
        let findings = audit(&books);
        if findings != last {
            (last, moved) = (findings, Instant::now());
        }
        if last.is_empty() || moved.elapsed() > LAST_VIEWS {
            return Ok((books, last));
        }
        tokio::time::sleep(LOOK * 5).await;
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

    /// The whole way, on real Kafka connections: about ten seconds, most of them spent on joining groups.
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
        let rebuilt = report.rebuilt.expect("nobody interrupted it");
        assert_eq!((rebuilt.views, rebuilt.differences), (7, vec![]));
    }
}
