//! Services with scripted parts: the time and order of their ends, and the reported outcomes.

mod health;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{sync::oneshot, time::Instant};

use super::*;
use crate::{
    model::chain,
    run_loop::{Phase, ProgressReporter},
};

/// The actions of all parts, in order.
#[derive(Debug, Default, Clone)]
struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    fn note(&self, what: impl Into<String>) {
        self.0.lock().expect("no panic").push(what.into());
    }

    fn entries(&self) -> Vec<String> {
        self.0.lock().expect("no panic").clone()
    }

    /// A part that takes `takes` to stop.
    fn part(&self, kind: PartKind, name: &'static str, takes: Duration) -> Part {
        let journal = self.clone();
        Part::new(kind, name, None, move |stop| async move {
            stop.await;
            journal.note(format!("{name} is asked"));
            tokio::time::sleep(takes).await;
            journal.note(format!("{name} has ended"));
            Ok(())
        })
    }
}

fn failing(name: &'static str, after: Duration) -> Part {
    Part::new(PartKind::Subscription, name, None, move |_| async move {
        tokio::time::sleep(after).await;
        Err("planted".into())
    })
}

fn ends(outcome: &ServiceOutcome) -> Vec<String> {
    outcome.parts.iter().map(ToString::to_string).collect()
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn tasks_stop_first_then_subscriptions_then_relays() {
    let journal = Journal::default();
    let service = Service::new()
        .with(journal.part(PartKind::Relay, "relay", SECOND))
        .with(journal.part(PartKind::Subscription, "view", SECOND))
        .with(journal.part(PartKind::Subscription, "reactor", SECOND * 2))
        .with(journal.part(PartKind::Task, "web", SECOND));
    let outcome = service.run_until(tokio::time::sleep(SECOND)).await;
    let outcome = outcome.expect("all stop in time");
    let entries = journal.entries();
    assert_eq!(entries[..2], ["web is asked", "web has ended"]);
    let mut asked = entries[2..4].to_vec();
    asked.sort();
    assert_eq!(asked, ["reactor is asked", "view is asked"]);
    assert_eq!(
        entries[4..],
        [
            "view has ended",
            "reactor has ended",
            "relay is asked",
            "relay has ended"
        ]
    );
    assert_eq!(
        ends(&outcome),
        [
            "relay \"relay\": stopped",
            "subscription \"view\": stopped",
            "subscription \"reactor\": stopped",
            "task \"web\": stopped"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_part_that_hangs_is_aborted_and_named_and_relays_still_stop() {
    let journal = Journal::default();
    let service = Service::new()
        .with(journal.part(PartKind::Subscription, "hung", SECOND * 3_600))
        .with(journal.part(PartKind::Subscription, "view", SECOND))
        .with(journal.part(PartKind::Relay, "relay", SECOND))
        .deadline(SECOND * 9);
    let begun = Instant::now();
    let error = service.run_until(async {}).await.expect_err("one hangs");
    assert_eq!(begun.elapsed(), SECOND * 9);
    assert_eq!(
        ends(error.outcome()),
        [
            "subscription \"hung\": aborted after 9s",
            "subscription \"view\": stopped",
            "relay \"relay\": stopped"
        ]
    );
    assert_eq!(
        chain(&error).to_string(),
        "1 of 3 parts of the service failed: subscription \"hung\" did not finish within 9s"
    );
}

#[tokio::test(start_paused = true)]
async fn a_failure_stops_all_parts_in_order_by_default() {
    let journal = Journal::default();
    let service = Service::new()
        .with(journal.part(PartKind::Relay, "relay", SECOND))
        .with(failing("poisoned", SECOND))
        .with(journal.part(PartKind::Subscription, "view", SECOND));
    let never = std::future::pending();
    let error = service.run_until(never).await.expect_err("one fails");
    assert_eq!(
        journal.entries(),
        [
            "view is asked",
            "view has ended",
            "relay is asked",
            "relay has ended"
        ]
    );
    assert_eq!(
        ends(error.outcome()),
        [
            "relay \"relay\": stopped",
            "subscription \"poisoned\": failed: planted",
            "subscription \"view\": stopped"
        ]
    );
    let first = error.first().expect("a part failed");
    assert_eq!(first.part.name, "poisoned");
    assert_eq!(
        chain(&error).to_string(),
        "1 of 3 parts of the service failed: planted"
    );
}

#[tokio::test(start_paused = true)]
async fn the_others_go_on_after_a_failure_if_asked_to() {
    let journal = Journal::default();
    let service = Service::new()
        .with(failing("late", SECOND * 20))
        .with(failing("poisoned", SECOND))
        .with(journal.part(PartKind::Subscription, "view", SECOND))
        .on_failure(OnFailure::KeepOthers);
    let begun = Instant::now();
    let stop = tokio::time::sleep(SECOND * 60);
    let error = service.run_until(stop).await.expect_err("two fail");
    assert_eq!(begun.elapsed(), SECOND * 61);
    assert_eq!(
        ends(error.outcome()),
        [
            "subscription \"late\": failed: planted",
            "subscription \"poisoned\": failed: planted",
            "subscription \"view\": stopped"
        ]
    );
    let first = error.first().expect("a part failed");
    assert_eq!(first.part.name, "poisoned", "the first one in time");
}

#[tokio::test(start_paused = true)]
async fn a_service_ends_when_all_its_parts_have_ended() {
    let service = Service::new()
        .with(failing("poisoned", SECOND))
        .task("import", |_| async { Ok(()) })
        .on_failure(OnFailure::KeepOthers);
    let never = std::future::pending();
    let error = service.run_until(never).await.expect_err("one fails");
    assert_eq!(
        ends(error.outcome()),
        [
            "subscription \"poisoned\": failed: planted",
            "task \"import\": completed"
        ]
    );
    let outcome = Service::new().run_until(std::future::pending()).await;
    assert!(outcome.expect("nothing to do").parts.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_part_is_its_failure() {
    let journal = Journal::default();
    let service = Service::new()
        .task("web", |_| async { panic!("planted") })
        .with(journal.part(PartKind::Relay, "relay", SECOND));
    let never = std::future::pending();
    let error = service.run_until(never).await.expect_err("one panics");
    assert_eq!(
        ends(error.outcome()),
        [
            "task \"web\": panicked: planted",
            "relay \"relay\": stopped"
        ]
    );
    assert!(journal.entries().contains(&"relay has ended".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_panic_before_the_future_of_a_task_is_its_failure_too() {
    let journal = Journal::default();
    let service = Service::new()
        .task("web", |_| {
            let port: u16 = "no port".parse().expect("a port");
            async move { Err(format!("cannot listen on {port}").into()) }
        })
        .with(journal.part(PartKind::Relay, "relay", SECOND));
    let error = service.run_until(std::future::pending()).await;
    let ends = ends(error.expect_err("one panics").outcome());
    assert!(
        ends[0].starts_with("task \"web\": panicked: a port"),
        "{ends:?}"
    );
    assert_eq!(ends[1], "relay \"relay\": stopped");
}

#[tokio::test(start_paused = true)]
async fn a_second_request_to_stop_aborts_at_once() {
    let journal = Journal::default();
    let service = Service::new().with(journal.part(PartKind::Task, "hung", SECOND * 3_600));
    let begun = Instant::now();
    let outcome = service
        .supervise(async {}, tokio::time::sleep(SECOND))
        .await;
    let error = outcome.expect_err("it hangs");
    assert_eq!(begun.elapsed(), SECOND);
    assert_eq!(ends(error.outcome()), ["task \"hung\": aborted after 1s"]);
}

/// Everything that the part owns is dropped before the service returns.
#[tokio::test(start_paused = true)]
async fn an_aborted_part_is_gone_when_the_service_returns() {
    let (held, dropped) = oneshot::channel::<()>();
    let service = Service::new()
        .task("hung", |_| async move {
            let _held = held;
            std::future::pending().await
        })
        .deadline(SECOND);
    service.run_until(async {}).await.expect_err("it hangs");
    dropped.await.expect_err("dropped without a message");
}

#[tokio::test(start_paused = true)]
async fn progress_of_every_part_can_be_read_after_the_end() {
    let reporter = ProgressReporter::default();
    let progress = Some(reporter.progress());
    let part = Part::new(PartKind::Relay, "order", progress, move |stop| async move {
        stop.await;
        reporter.ended(None, None);
        Ok(())
    });
    let service = Service::new().with(part).task("web", |_| async { Ok(()) });
    let progress = service.progress();
    assert_eq!(progress.len(), 1, "a task has none");
    assert_eq!(progress[0].0.to_string(), "relay \"order\"");
    service.run_until(async {}).await.expect("stops");
    assert_eq!(progress[0].1.phase(), Phase::Stopped);
}

#[tokio::test(start_paused = true)]
async fn two_subscriptions_of_one_name_are_rejected() {
    let journal = Journal::default();
    let part = |kind| journal.part(kind, "balances", Duration::ZERO);
    let stop = std::future::ready(());
    let service = Service::new()
        .with(part(PartKind::Subscription))
        .with(part(PartKind::Relay))
        .with(part(PartKind::Subscription));
    let error = service.run_until(stop).await.expect_err("not started");
    let message = error.to_string();
    assert!(message.contains(r#"subscription "balances""#), "{message}");
    assert!(error.first().is_none());
    let ends = error
        .outcome()
        .parts
        .iter()
        .map(|part| part.end.to_string());
    assert_eq!(Vec::from_iter(ends), ["not started"; 3]);
    assert!(journal.entries().is_empty(), "no part ran");
}
