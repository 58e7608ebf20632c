//! Reactors in a runner, on the memory store.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

use super::*;
use crate::{
    memory::MemoryEventStore,
    model::{Context, Event, Version, chain},
    read::{
        handler::role,
        runner::{ErrorAction, Runner, RunnerError},
    },
    roles::{Aggregate, Decision, Rejection, To},
    write::CommandStore,
};

#[derive(Debug, Serialize, Deserialize)]
enum BellEvent {
    Rung { door: String },
}
impl Event for BellEvent {
    const CATEGORY: &'static str = "bell";
}

#[derive(Debug, Default)]
struct Bell;
impl Aggregate for Bell {
    type Command = String;
    type Event = BellEvent;
    type Error = std::convert::Infallible;
    fn handle(&self, door: String, _: &Context) -> Decision<Self> {
        Ok(vec![BellEvent::Rung { door }])
    }
    fn apply(&mut self, _: BellEvent) {}
}

#[derive(Debug, Serialize, Deserialize)]
enum DoorEvent {
    Opened { times: u64 },
}
impl Event for DoorEvent {
    const CATEGORY: &'static str = "door";
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("it has opened twice, that is enough")]
struct Stuck;

/// A door that opens at most twice.
#[derive(Debug, Default)]
struct Door(u64);
impl Aggregate for Door {
    type Command = ();
    type Event = DoorEvent;
    type Error = Stuck;
    fn handle(&self, (): (), context: &Context) -> Decision<Self> {
        assert_eq!(
            context.version.get(),
            self.0,
            "decides on the state after the earlier commands of the batch"
        );
        if self.0 == 2 {
            Err(Stuck)
        } else {
            Ok(vec![DoorEvent::Opened { times: self.0 + 1 }])
        }
    }
    fn apply(&mut self, _: DoorEvent) {
        self.0 += 1;
    }
}

/// Opens the door whose bell was rung; the test chooses its reaction to a rejection.
struct Opener(fn(&Rejection) -> OnRejected<To<Door>>);

impl Reactor for Opener {
    const NAME: &'static str = "opener";
    type Events = BellEvent;
    type Commands = To<Door>;
    fn react(&self, event: &Envelope<BellEvent>) -> Vec<To<Door>> {
        let BellEvent::Rung { door } = &event.event;
        vec![To::new(door, ())]
    }
    fn rejected(&self, _: &Envelope<BellEvent>, rejection: &Rejection) -> OnRejected<To<Door>> {
        (self.0)(rejection)
    }
}

/// Rings at `doors`, then runs the opener over these events.
async fn ring(doors: &[&str], opener: Opener) -> (Result<(), RunnerError>, MemoryEventStore) {
    let store = MemoryEventStore::default();
    let bells = store.repository::<Bell>();
    for door in doors {
        bells
            .execute("b", (*door).to_owned())
            .correlation_id("visit")
            .await
            .expect("rings");
    }
    let runner = Runner::over_log::<role::Reactor>(&store, opener).expect("a reactor");
    let runner = runner.on_failure(|_| ErrorAction::Stop);
    let outcome = runner.catch_up().await;
    (outcome, store)
}

async fn opened(store: &MemoryEventStore, door: &str) -> Vec<RecordedEvent> {
    let stream = StreamId::of::<DoorEvent>(door).expect("valid");
    store
        .read_stream(&stream, Version::EMPTY)
        .await
        .expect("reads")
}

#[tokio::test]
async fn commands_of_a_batch_see_earlier_ones_and_name_their_cause() {
    let (outcome, store) = ring(&["x", "y", "x"], Opener(|_| OnRejected::Fail)).await;
    outcome.expect("runs");
    let events = opened(&store, "x").await;
    let times = events
        .iter()
        .flat_map(|event| DoorEvent::decode(event).expect("decodes"));
    assert_eq!(
        times
            .map(|DoorEvent::Opened { times }| times)
            .collect::<Vec<_>>(),
        [1, 2]
    );
    let rung = store
        .read_stream(
            &StreamId::of::<BellEvent>("b").expect("valid"),
            Version::EMPTY,
        )
        .await
        .expect("reads");
    for (event, cause) in events.iter().zip([&rung[0], &rung[2]]) {
        assert_eq!(event.metadata.causation_id, Some(cause.id));
        assert_eq!(event.metadata.correlation_id.as_deref(), Some("visit"));
    }
}

#[tokio::test]
async fn an_unforeseen_rejection_stops_the_runner_at_its_event() {
    let (outcome, store) = ring(&["x", "x", "y", "x", "y"], Opener(|_| OnRejected::Fail)).await;
    let message = chain(&outcome.expect_err("stops")).to_string();
    assert!(
        message.contains("bell-b@4 (Rung)")
            && message.contains("door-x rejected command 1: it has opened twice"),
        "{message}"
    );
    assert_eq!(
        (
            opened(&store, "x").await.len(),
            opened(&store, "y").await.len()
        ),
        (2, 1),
        "earlier events are handled"
    );
}

#[tokio::test]
async fn a_rejection_may_be_ignored_or_lead_to_other_commands() {
    let (outcome, store) = ring(&["x", "x", "x"], Opener(|_| OnRejected::Ignore)).await;
    outcome.expect("goes on");
    assert_eq!(opened(&store, "x").await.len(), 2);
    // The other door is not a target of the batch at first, so it is read later.
    let instead = |_: &Rejection| OnRejected::Instead(vec![To::new("side", ())]);
    let (outcome, store) = ring(&["x", "x", "x", "x"], Opener(instead)).await;
    outcome.expect("goes on");
    assert_eq!(
        (
            opened(&store, "x").await.len(),
            opened(&store, "side").await.len()
        ),
        (2, 2)
    );
}

#[tokio::test]
async fn an_invalid_target_is_named_with_its_event() {
    let (outcome, store) = ring(&["x", ""], Opener(|_| OnRejected::Fail)).await;
    let message = chain(&outcome.expect_err("stops")).to_string();
    assert!(
        message.contains("bell-b@2 (Rung)") && message.contains("stream id \"\" is empty"),
        "{message}"
    );
    assert_eq!(
        opened(&store, "x").await.len(),
        1,
        "earlier events are handled"
    );
}

#[tokio::test]
async fn endless_instead_stops_the_runner_at_the_event() {
    let again = |_: &Rejection| OnRejected::Instead(vec![To::new("x", ())]);
    let (outcome, store) = ring(&["x", "x", "x"], Opener(again)).await;
    let message = chain(&outcome.expect_err("stops")).to_string();
    for part in [
        "bell-b@3 (Rung)",
        "opener answered Instead more than 100 times",
        "door-x rejected command 1: it has opened twice",
    ] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(
        opened(&store, "x").await.len(),
        2,
        "earlier events are handled"
    );
}

/// Only a reaction that lets other tasks run can be aborted.
#[tokio::test]
async fn other_tasks_run_between_commands_sent_instead() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let again = |_: &Rejection| {
        ASKED.fetch_add(1, Ordering::Relaxed);
        OnRejected::Instead(vec![To::new("x", ())])
    };
    let running = tokio::spawn(async move { ring(&["x", "x", "x"], Opener(again)).await.0 });
    while ASKED.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    let asked = ASKED.load(Ordering::Relaxed);
    assert!(asked < MAX_INSTEAD, "this task waited for {asked} answers");
    running.abort();
    assert!(running.await.expect_err("aborted").is_cancelled());
}
