//! A service in its own process, ended by real signals.

use cqrs_tests::{
    domain::{count, counts_in_order},
    servers::{create_topics, eventually, fresh_name, kafka, store},
};

use crate::support::{assert_seen_once_and_in_order, job, publish_all, start_child};

/// The process ends by itself and reports success. No event is lost or published twice.
async fn a_service_stops_cleanly_after(signal: &str) {
    let name = fresh_name();
    let store = store(&name).await;
    let kafka = kafka(&name);
    create_topics(&kafka).await;
    count(&store, 30).await;
    let service = start_child(&job("service", &name));
    eventually("the view handles all events", || async {
        counts_in_order(&store).await == 30
    })
    .await;
    service.signal(signal).await;
    let status = service.ended().await;
    assert!(status.success(), "{status}");
    publish_all(&store, &kafka)
        .await
        .expect("publishes the rest");
    assert_seen_once_and_in_order(&store, &kafka).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_stops_at_sigterm_and_reports_success() {
    a_service_stops_cleanly_after("-TERM").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_stops_at_sigint_and_reports_success() {
    a_service_stops_cleanly_after("-INT").await;
}

/// The part never ends. Without the second signal the process would end after the deadline of 25 seconds.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_a_service_that_hangs() {
    let mut service = start_child(&job("stuck", &fresh_name()));
    service.parked().await;
    service.signal("-TERM").await;
    service.parked().await;
    service.signal("-TERM").await;
    let status = service.ended().await;
    assert_eq!(status.code(), Some(1), "the part was aborted: {status}");
}

/// The relay cannot start without topics. The service then stops its view too, and the process ends with an error.
#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_cannot_start_ends_the_service() {
    let name = fresh_name();
    let store = store(&name).await;
    count(&store, 1).await;
    let status = start_child(&job("service", &name)).ended().await;
    assert_eq!(status.code(), Some(1), "{status}");
}
