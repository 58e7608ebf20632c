//! Health on a real server: what holds readers back, and a server that is away.

use std::{future::pending, time::Duration};

use cqrs_core::{
    DocumentKeys, Envelope, Event, EventStore, Runner, Service, View,
    ports::{HealthLimits, UnitOfWork},
    run_loop::Phase,
};
use cqrs_postgres::PgEventStore;
use serde::{Deserialize, Serialize};

use crate::{
    proxy::{Network, Proxy},
    support::{append, fresh_store, open_append, until},
};

#[derive(Debug, Serialize, Deserialize)]
enum LapEvent {
    Run,
}

impl Event for LapEvent {
    const CATEGORY: &'static str = "lap";
}

struct Laps;

impl View for Laps {
    const NAME: &'static str = "laps";
    type Events = LapEvent;
    type Document = ();

    fn keys(&self, event: &Envelope<LapEvent>) -> DocumentKeys {
        event.id().into()
    }

    fn apply(&self, _: &str, _: Option<()>, _: &Envelope<LapEvent>) -> Option<()> {
        Some(())
    }
}

/// Starts a service with one view, and waits until it has caught up.
async fn service(
    store: &PgEventStore,
    limits: HealthLimits,
) -> (
    cqrs_core::service::ServiceHealth<PgEventStore>,
    tokio::task::JoinHandle<()>,
) {
    let runner = Runner::over_log(store, Laps).expect("a view");
    let mut progress = runner.progress();
    let service = Service::new().with(runner);
    let health = service.health(store, limits);
    let running = tokio::spawn(async move { drop(service.run_until(pending()).await) });
    progress.until(|phase| *phase == Phase::CaughtUp).await;
    (health, running)
}

/// An open transaction that holds readers back is a finding. The process stays live and ready.
#[tokio::test]
async fn a_held_mark_changes_neither_live_nor_ready() {
    let store = fresh_store().await;
    let limits = HealthLimits::default()
        .mark_held(Duration::ZERO)
        .answer(Duration::from_secs(60));
    let (health, running) = service(&store, limits).await;
    let report = health.report().await;
    assert_eq!(report.to_string(), "live, ready, not degraded");
    let transaction = open_append(&store, "a").await;
    store.append(append("behind", 1)).await.expect("appends");
    let report = health.report().await;
    assert_eq!((report.live, report.ready), (true, true), "{report}");
    let [held] = &report.findings[..] else {
        panic!("{report}")
    };
    assert!(
        held.starts_with("all readers of the log wait for process"),
        "{held}"
    );
    assert!(held.contains("idle in transaction"), "{held}");
    store.rollback(transaction).await.expect("rolls back");
    running.abort();
}

/// While the server is away the process is live and not ready. When it is back the loops go on by themselves.
#[tokio::test]
async fn a_server_that_is_away_makes_a_service_unready_until_it_is_back() {
    let schema = fresh_store().await.schema().to_owned();
    let proxy = Proxy::start().await;
    let store = PgEventStore::connect(&proxy.config(&schema)).await;
    let store = store.expect("connects");
    let limits = HealthLimits::default().answer(Duration::from_secs(60));
    let (health, running) = service(&store, limits).await;
    proxy.set(Network::Down);
    proxy.cut();
    let report = health.report().await;
    assert_eq!((report.live, report.ready), (true, false), "{report}");
    let said = report.findings.join("\n");
    assert!(said.contains("the store does not answer"), "{said}");
    proxy.set(Network::Open);
    until("the store answers", async || {
        let report = health.report().await;
        assert!(report.live, "{report}");
        report.ready && !report.degraded()
    })
    .await;
    running.abort();
}
