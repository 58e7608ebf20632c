//! Commands to several aggregates: all or none, on fresh state after a conflict, at most once under a key.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
};

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::{
    scripted::{Fault, Scripted},
    tally::{Odd, Tally, TallyCommand, TallyEvent},
};
use crate::{
    commands,
    memory::MemoryEventStore,
    model::{
        Context, Event, EventId, ExpectedVersion, Metadata, NewEvent, Position, RetryPolicy,
        StreamId, Version, chain,
    },
    ports::{Append, EventStore, StoreErrorKind},
    roles::{Aggregate, Check, Decision, Rejection, To},
    write::{CommandStore, ExecuteError},
};

#[derive(Debug, Serialize, Deserialize)]
enum PurseEvent {
    Moved { by: i64 },
}
impl Event for PurseEvent {
    const CATEGORY: &'static str = "purse";
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("the purse holds less")]
struct Overdrawn;

/// A command that cannot be serialized, so it cannot have an idempotency key.
#[derive(Debug, Clone)]
struct Move(i64);

#[derive(Debug, Default)]
struct Purse {
    cents: i64,
}

impl Aggregate for Purse {
    type Command = Move;
    type Event = PurseEvent;
    type Error = Overdrawn;

    fn handle(&self, Move(by): Move, _: &Context) -> Decision<Self> {
        if self.cents + by < 0 {
            Err(Overdrawn)
        } else {
            Ok(vec![PurseEvent::Moved { by }])
        }
    }

    fn apply(&mut self, PurseEvent::Moved { by }: PurseEvent) {
        self.cents += by;
    }
}

commands! {
    #[derive(Debug, Clone)]
    enum Either { Tally(Tally), Purse(Purse) }
}

commands! {
    enum Tallies { Tally(Tally) }
}

fn tally(id: &str, command: TallyCommand) -> To<Tally> {
    To::new(id, command)
}

fn purse(id: &str, by: i64) -> To<Purse> {
    To::new(id, Move(by))
}

async fn sum<S: EventStore>(store: &S, id: &str) -> u64 {
    store
        .repository::<Tally>()
        .load(id)
        .await
        .expect("loads")
        .state
        .sum
}

async fn cents<S: EventStore>(store: &S, id: &str) -> i64 {
    let purses = store.repository::<Purse>();
    purses.load(id).await.expect("loads").state.cents
}

/// Polls a request until its first call of the store, a read, has been executed.
async fn until_it_has_read<F: Future>(store: &Scripted, call: &mut Pin<&mut F>) {
    store.pause(1, None);
    for _ in 0..2 {
        poll_fn(|context| {
            assert!(
                call.as_mut().poll(context).is_pending(),
                "it has not ended yet"
            );
            Poll::Ready(())
        })
        .await;
    }
    store.pause(0, None);
}

#[tokio::test]
async fn commands_take_effect_together_after_one_read_and_one_append() {
    let store = Scripted::default();
    let commands = (tally("a", TallyCommand::Add(3)), purse("b", 5));
    let done = store.execute_all(commands).await.expect("executes");
    assert_eq!(store.calls(), ["replay_all", "append"]);
    assert_eq!(done.streams.len(), 2);
    assert_eq!(Position::from(&done), done.position().expect("events"));
    assert!(!done.repeated);
    assert_eq!((sum(&store, "a").await, cents(&store, "b").await), (3, 5));
}

#[tokio::test]
async fn two_commands_to_one_stream_decide_in_order() {
    let store = MemoryEventStore::default();
    // `Double` is rejected on an odd sum, so it must see the effect of `MakeEven`.
    let commands = [
        TallyCommand::Add(3),
        TallyCommand::MakeEven,
        TallyCommand::Double,
    ]
    .map(|command| tally("a", command));
    let done = store.execute_all(commands).await.expect("executes");
    assert_eq!(done.streams.len(), 1);
    assert_eq!(done.streams[0].version.get(), 3);
    assert_eq!(sum(&store, "a").await, 12);
}

#[tokio::test]
async fn a_rejection_names_the_command_and_writes_nothing() {
    let store = MemoryEventStore::default();
    let commands = vec![
        Either::from(tally("a", TallyCommand::Add(3))),
        Either::from(purse("b", -1)),
        Either::from(purse("c", 1)),
    ];
    let error = store.execute_all(commands).await.expect_err("rejected");
    assert_eq!(error.rejected(), Some(&Overdrawn));
    assert_eq!(error.to_string(), "purse-b rejected command 2");
    let source = std::error::Error::source(&error).expect("the aggregate's error");
    assert_eq!(source.to_string(), "the purse holds less");
    assert_eq!(
        store.high_water_mark().await.expect("reads"),
        Position::START
    );
}

#[tokio::test]
async fn a_check_that_does_not_hold_stops_the_others() {
    let store = MemoryEventStore::default();
    let rich = |purse: &Purse| {
        if purse.cents < 100 {
            Err(Overdrawn)
        } else {
            Ok(())
        }
    };
    let commands = || (tally("a", TallyCommand::Add(3)), Check::new("b", rich));
    let error = store.execute_all(commands()).await.expect_err("poor");
    assert!(
        matches!(&error, ExecuteError::Rejected(Rejection { command: 2, .. })),
        "{error:?}"
    );
    store.execute_all(purse("b", 100)).await.expect("executes");
    let done = store.execute_all(commands()).await.expect("executes");
    let changed = done
        .streams
        .iter()
        .map(|stream| stream.version > stream.before);
    assert_eq!(Vec::from_iter(changed), [false, true], "purse-b, tally-a");
}

#[tokio::test]
async fn a_checked_aggregate_must_not_change_before_the_append() {
    let store = Scripted::default();
    store.execute_all(purse("b", 100)).await.expect("executes");
    let rich = |purse: &Purse| {
        if purse.cents < 100 {
            Err(Overdrawn)
        } else {
            Ok(())
        }
    };
    let call = store.execute_all((tally("a", TallyCommand::Add(3)), Check::new("b", rich)));
    let mut call = pin!(call.into_future());
    until_it_has_read(&store, &mut call).await;
    store.execute_all(purse("b", -1)).await.expect("spends");
    let error = call.await.expect_err("checked again after the conflict");
    assert!(error.rejected::<Overdrawn>().is_some(), "{error:?}");
    assert_eq!(sum(&store, "a").await, 0);
}

#[tokio::test]
async fn an_error_of_the_store_names_the_command_and_its_aggregate() {
    let store = MemoryEventStore::default();
    let foreign = NewEvent {
        id: EventId::random(),
        event_type: "Lost",
        schema_version: 1,
        payload: bytes::Bytes::from_static(b"{}"),
        metadata: Metadata::default(),
    };
    let append = Append {
        stream: StreamId::of::<PurseEvent>("b").expect("valid"),
        expected: ExpectedVersion::Any,
        events: vec![foreign],
    };
    store.append(append).await.expect("appends");
    let error = store.execute_all([purse("a", 1), purse("b", 1)]).await;
    let error = error.expect_err("undecodable");
    assert!(
        matches!(&error, ExecuteError::Store(e) if e.kind() == StoreErrorKind::Undecodable),
        "{error:?}"
    );
    let message = chain(&error).to_string();
    assert!(
        message.starts_with("command 2 to purse-b cannot be decided: purse-b@1 (Lost)"),
        "{message}"
    );
    assert_eq!(cents(&store, "a").await, 0);
}

#[tokio::test]
async fn a_request_without_commands_leaves_its_key_unused() {
    let store = MemoryEventStore::default();
    let nothing = Vec::<To<Tally>>::new();
    let done = store.execute_all(nothing).idempotency_key("k").await;
    let done = done.expect("does nothing");
    assert!(done.streams.is_empty() && !done.repeated, "{done:?}");
    let add = store.execute_all([tally("a", TallyCommand::Add(1))]);
    add.idempotency_key("k").await.expect("the key is unused");
    assert_eq!(sum(&store, "a").await, 1);
}

#[tokio::test]
async fn a_conflict_on_one_stream_decides_everything_again() {
    let store = Scripted::default();
    let call = store.execute_all([
        tally("a", TallyCommand::Add(1)),
        tally("b", TallyCommand::Add(1)),
    ]);
    let mut call = pin!(call.into_future());
    until_it_has_read(&store, &mut call).await;
    store
        .repository::<Tally>()
        .execute("b", TallyCommand::Add(5))
        .await
        .expect("is faster");
    call.await.expect("executes");
    assert_eq!((sum(&store, "a").await, sum(&store, "b").await), (1, 16));
    let calls = store.calls();
    assert_eq!(
        calls.iter().filter(|call| **call == "replay_all").count(),
        2
    );
}

#[tokio::test]
async fn retries_end_when_the_policy_allows_no_more() {
    let store = Scripted::default();
    let call = store
        .execute_all([
            tally("a", TallyCommand::Add(1)),
            tally("b", TallyCommand::Add(1)),
        ])
        .retry(RetryPolicy::NEVER);
    let mut call = pin!(call.into_future());
    until_it_has_read(&store, &mut call).await;
    store
        .execute_all(tally("b", TallyCommand::Add(5)))
        .await
        .expect("is faster");
    let error = call.await.expect_err("overtaken");
    assert!(
        matches!(&error, ExecuteError::Conflict(conflict) if conflict.stream.id() == "b"),
        "{error:?}"
    );
    assert_eq!(sum(&store, "a").await, 0);
}

#[tokio::test(start_paused = true)]
async fn under_a_key_a_request_with_a_lost_reply_is_retried() {
    for faults in [
        [Fault::None, Fault::LostReply, Fault::None],
        [Fault::None, Fault::LostCall, Fault::None],
        [Fault::None, Fault::LostReply, Fault::Unavailable],
    ] {
        let store = Scripted::default();
        let commands = || {
            [
                tally("a", TallyCommand::Add(2)),
                tally("b", TallyCommand::Add(4)),
            ]
        };
        store.fail(faults);
        let done = store.execute_all(commands()).idempotency_key("k");
        let done = done.await.expect("settles");
        store.fail([]);
        assert_eq!((sum(&store, "a").await, sum(&store, "b").await), (2, 4));
        let again = store.execute_all(commands()).idempotency_key("k");
        let again = again.await.expect("is a repeat");
        assert!(again.repeated);
        assert_eq!(Position::from(&again), Position::from(&done));
        assert_eq!((sum(&store, "a").await, sum(&store, "b").await), (2, 4));
    }
}

#[tokio::test]
async fn without_a_key_a_lost_reply_is_an_error_at_once() {
    let store = Scripted::default();
    store.fail([Fault::None, Fault::LostReply]);
    let lost = store.execute_all([tally("a", TallyCommand::Add(2))]).await;
    assert!(
        matches!(&lost, Err(ExecuteError::Store(e)) if e.kind() == StoreErrorKind::OutcomeUnknown),
        "{lost:?}"
    );
}

#[tokio::test]
async fn a_repeat_is_not_rejected_because_of_its_own_events() {
    let store = MemoryEventStore::default();
    let commands = || {
        [
            tally("a", TallyCommand::Double),
            tally("a", TallyCommand::Add(1)),
        ]
    };
    let send = async || store.execute_all(commands()).idempotency_key("k").await;
    let first = send().await.expect("executes");
    // The request's own events made the sum odd.
    let again = send().await.expect("is a repeat");
    assert!(again.repeated && !first.repeated);
    let other_key = store.execute_all(commands()).idempotency_key("l").await;
    let error = other_key.expect_err("odd");
    assert!(error.rejected::<Odd>().is_some(), "{error:?}");
}

#[tokio::test]
async fn a_key_belongs_to_all_commands_and_their_targets() {
    let store = MemoryEventStore::default();
    let send =
        async |commands: Vec<Tallies>| store.execute_all(commands).idempotency_key("k").await;
    let set = |id: &str, number| {
        vec![
            tally("a", TallyCommand::Add(1)).into(),
            tally(id, TallyCommand::Add(number)).into(),
        ]
    };
    send(set("b", 2)).await.expect("executes");
    assert!(send(set("b", 2)).await.expect("is a repeat").repeated);
    for other in [set("b", 3), set("c", 2)] {
        let error = send(other).await.expect_err("another request");
        assert!(matches!(error, ExecuteError::KeyReused(_)), "{error:?}");
    }
}

#[tokio::test]
async fn commands_without_events_append_nothing() {
    let store = Scripted::default();
    let commands = (
        tally("a", TallyCommand::MakeEven),
        Check::<Purse>::unchanged("b"),
    );
    let done = store.execute_all(commands).await.expect("executes");
    assert!(done.streams.is_empty() && !done.repeated);
    assert_eq!(store.calls(), ["replay_all"]);
    assert_eq!(Position::from(&done), Position::START);
}

#[tokio::test]
async fn the_events_of_a_request_carry_its_metadata() {
    let store = MemoryEventStore::default();
    store
        .execute_all([
            tally("a", TallyCommand::Add(1)),
            tally("b", TallyCommand::Add(1)),
        ])
        .correlation_id("visit 9")
        .traceparent("00-a-b-01")
        .await
        .expect("executes");
    for id in ["a", "b"] {
        let stream = StreamId::of::<TallyEvent>(id).expect("valid");
        let events = store.read_stream(&stream, Version::EMPTY).await;
        let metadata = &events.expect("reads")[0].metadata;
        assert_eq!(metadata.correlation_id.as_deref(), Some("visit 9"));
        assert_eq!(metadata.traceparent.as_deref(), Some("00-a-b-01"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_transfers_keep_the_sum_of_money() {
    const PURSES: usize = 4;
    let store = MemoryEventStore::default();
    let id = |n: usize| format!("p{}", n % PURSES);
    for n in 0..PURSES {
        store
            .execute_all(purse(&id(n), 10))
            .await
            .expect("executes");
    }
    let mut transfers = JoinSet::new();
    for n in 0..64 {
        let store = store.clone();
        let from = id(n);
        let to = id(n * 7 + 1);
        transfers.spawn(async move {
            let retry = RetryPolicy {
                attempts: 1_000,
                ..RetryPolicy::default()
            };
            let transfer = store
                .execute_all([purse(&from, -7), purse(&to, 7)])
                .retry(retry);
            match transfer.await {
                Ok(_) | Err(ExecuteError::Rejected(_)) => {}
                Err(error) => panic!("{error}"),
            }
        });
    }
    transfers.join_all().await;
    let mut total = 0;
    for n in 0..PURSES {
        let cents = cents(&store, &id(n)).await;
        assert!(cents >= 0);
        total += cents;
    }
    assert_eq!(total, 40);
}
