//! Commands on the store in memory.

mod damage;
mod expecting;
mod interrupted;
mod keys;
mod model;
mod partial;
mod scripted;
mod several;
mod states;
mod tally;
mod trips;
mod turns;
mod unknown;
mod world;

use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::*;
use crate::{
    memory::MemoryEventStore,
    model::{Event, Metadata, RecordedEvent, chain},
    ports::{Append, StoreErrorKind},
    write::{CommandStore, error::ExecuteError},
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum SeatEvent {
    Taken { by: u32 },
}
impl Event for SeatEvent {
    const CATEGORY: &'static str = "seat";
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("all seats are taken")]
struct Full;

/// A room of 48 seats. A person gets at most one seat; a command for 0 is ignored.
#[derive(Debug, Default)]
struct Room {
    taken: Vec<u32>,
}

impl Aggregate for Room {
    type Command = u32;
    type Event = SeatEvent;
    type Error = Full;

    fn handle(&self, by: u32, context: &Context) -> Decision<Self> {
        assert_eq!(context.version.get(), self.taken.len() as u64);
        match by {
            0 => Ok(vec![]),
            _ if self.taken.len() == 48 => Err(Full),
            by => Ok(vec![SeatEvent::Taken { by }]),
        }
    }

    fn apply(&mut self, event: SeatEvent) {
        let SeatEvent::Taken { by } = event;
        self.taken.push(by);
    }
}

fn rooms() -> Repository<Room, MemoryEventStore> {
    MemoryEventStore::default().repository()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_never_take_the_same_seat() {
    let rooms = rooms().retry(RetryPolicy {
        attempts: 1_000,
        ..RetryPolicy::default()
    });
    let mut writers = JoinSet::new();
    for by in 1..=64 {
        let rooms = rooms.clone();
        writers.spawn(async move { rooms.execute("one", by).await.map(|_| by) });
    }
    let outcomes = writers.join_all().await;
    let mut succeeded: Vec<u32> = outcomes
        .iter()
        .filter_map(|outcome| outcome.as_ref().ok().copied())
        .collect();
    let mut taken = rooms.load("one").await.expect("loads").state.taken;
    succeeded.sort_unstable();
    taken.sort_unstable();
    assert_eq!(succeeded, taken);
    assert_eq!(taken.len(), 48);
    assert!(
        outcomes
            .iter()
            .all(|outcome| matches!(outcome, Ok(_) | Err(ExecuteError::Rejected(Full))))
    );
}

#[tokio::test]
async fn a_conflict_is_retried_as_the_policy_allows() {
    let rooms = rooms();
    let decisions = AtomicU32::new(0);
    let overtaken = async |policy| {
        let repository = rooms.clone().retry(policy);
        let decide = |state: Room, _| {
            let rooms = rooms.clone();
            let decisions = &decisions;
            async move {
                // Another writer is faster, twice.
                if decisions.fetch_add(1, Ordering::Relaxed) < 2 {
                    rooms.execute("one", 7).await.expect("executes");
                }
                Ok(vec![SeatEvent::Taken {
                    by: 100 + u32::try_from(state.taken.len()).expect("few"),
                }])
            }
        };
        repository.decide("one", decide).await
    };
    let given_up = overtaken(RetryPolicy {
        attempts: 2,
        ..RetryPolicy::default()
    })
    .await;
    assert!(
        matches!(&given_up, Err(ExecuteError::Conflict(c)) if c.actual.get() == 2),
        "{given_up:?}"
    );
    let done = overtaken(RetryPolicy::default()).await.expect("executes");
    assert_eq!(
        (done.version.get(), done.events),
        (3, vec![SeatEvent::Taken { by: 102 }])
    );
}

#[tokio::test]
async fn a_decision_without_events_appends_nothing() {
    let rooms = rooms();
    let done = rooms.execute("one", 0).await.expect("executes");
    assert_eq!(
        done,
        Executed {
            stream: StreamId::of::<SeatEvent>("one").expect("valid"),
            version: Version::EMPTY,
            position: None,
            events: vec![],
            repeated: false,
        }
    );
    assert_eq!(
        rooms.load("one").await.expect("loads").version,
        Version::EMPTY
    );
}

#[tokio::test]
async fn an_id_that_cannot_be_stored_is_rejected() {
    for id in ["", &"x".repeat(256)] {
        let error = rooms().execute(id, 1).await.expect_err("rejected");
        assert!(
            matches!(&error, ExecuteError::Store(e) if e.kind() == StoreErrorKind::InvalidInput),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_cause_passes_on_its_metadata() {
    let rooms = rooms();
    let first = rooms
        .execute("one", 1)
        .correlation_id("visit 9")
        .traceparent("00-a-b-01")
        .header("user", "ann")
        .header("tenant", "north");
    first.await.expect("executes");
    let read = async |id| -> RecordedEvent {
        let stream = StreamId::of::<SeatEvent>(id).expect("valid");
        rooms
            .store
            .read_stream(&stream, Version::EMPTY)
            .await
            .expect("reads")
            .remove(0)
    };
    let recorded = read("one").await;
    let cause = crate::model::Envelope::new(SeatEvent::Taken { by: 1 }, recorded.clone());
    rooms
        .execute("two", 2)
        .header("user", "bob")
        .caused_by(&cause)
        .await
        .expect("executes");
    let own = [("tenant", "north"), ("user", "ann")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(recorded.metadata.headers, own.into());
    let metadata = read("two").await.metadata;
    assert_eq!(metadata.headers["tenant"], "north");
    assert_eq!(metadata.headers["user"], "bob", "its own header wins");
    assert_eq!(metadata.causation_id, Some(recorded.id));
    assert_eq!(metadata.correlation_id.as_deref(), Some("visit 9"));
    assert_eq!(metadata.traceparent.as_deref(), Some("00-a-b-01"));
}

#[tokio::test]
async fn an_error_names_the_event_that_cannot_be_read() {
    let rooms = rooms();
    let stream = StreamId::of::<SeatEvent>("one").expect("valid");
    let event = crate::model::NewEvent {
        id: crate::model::EventId::random(),
        event_type: "Freed",
        schema_version: 1,
        payload: bytes::Bytes::from_static(b"{}"),
        metadata: Metadata::default(),
    };
    let append = Append {
        stream,
        expected: crate::model::ExpectedVersion::Any,
        events: vec![event],
    };
    rooms.store.append(append).await.expect("appends");
    let error = rooms.execute("one", 1).await.expect_err("undecodable");
    assert!(
        matches!(&error, ExecuteError::Store(e) if e.kind() == StoreErrorKind::Undecodable),
        "{error:?}"
    );
    let message = chain(&error).to_string();
    assert!(
        message.contains("seat-one@1 (Freed)") && message.contains("the known types are: Taken"),
        "{message}"
    );
}
