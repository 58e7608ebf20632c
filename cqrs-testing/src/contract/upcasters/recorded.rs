//! Upcasters that read how an event was recorded.

use std::time::{Duration, SystemTime};

use cqrs_core::{
    Aggregate, CommandStore, Context, Decision, DocumentKeys, Envelope, Event, EventStore,
    ExpectedVersion, Reactor, ReadModel, Runner, SnapshotPolicy, Store, StreamId, To, View,
    model::{Recording, Upcaster},
    ports::Append,
    role,
    roles::OnRejected,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::account::stored;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum NoteEvent {
    Written { by: String, at: u64 },
}

impl Event for NoteEvent {
    const CATEGORY: &'static str = "note";
    const UPCASTERS: &'static [Upcaster] = &[Upcaster::recorded("Written", 1, signed)];
}

fn signed(payload: &mut Value, recording: &Recording<'_>) {
    let user = &recording.metadata.headers["user"];
    let at = recording.recorded_at.duration_since(SystemTime::UNIX_EPOCH);
    *payload = json!({
        "by": format!("{user} in {}", recording.aggregate_id),
        "at": at.unwrap_or_default().as_secs(),
    });
}

#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
struct Note {
    by: Vec<String>,
    earliest: u64,
}

impl Aggregate for Note {
    type Command = String;
    type Event = NoteEvent;
    type Error = std::convert::Infallible;

    fn handle(&self, by: String, _: &Context) -> Decision<Self> {
        Ok(vec![NoteEvent::Written {
            by: format!("{by} after {}", self.by.join(", ")),
            at: u64::MAX,
        }])
    }

    fn apply(&mut self, event: NoteEvent) {
        let NoteEvent::Written { by, at } = event;
        self.earliest = if self.by.is_empty() {
            at
        } else {
            self.earliest.min(at)
        };
        self.by.push(by);
    }
}

struct Signers;

impl View for Signers {
    const NAME: &'static str = "signers";
    type Events = NoteEvent;
    type Document = Vec<String>;

    fn keys(&self, event: &Envelope<NoteEvent>) -> DocumentKeys {
        event.id().into()
    }

    fn apply(
        &self,
        _: &str,
        signers: Option<Vec<String>>,
        event: &Envelope<NoteEvent>,
    ) -> Option<Vec<String>> {
        let NoteEvent::Written { by, .. } = &event.event;
        let mut signers = signers.unwrap_or_default();
        signers.push(by.clone());
        Some(signers)
    }
}

/// Signs each note of Ann once more.
struct Countersigns;

impl Reactor for Countersigns {
    const NAME: &'static str = "countersigns";
    type Events = NoteEvent;
    type Commands = To<Note>;

    fn react(&self, event: &Envelope<NoteEvent>) -> Vec<To<Note>> {
        let NoteEvent::Written { by, .. } = &event.event;
        let old = event.id() == "reactor" && by == "ann in reactor";
        Vec::from_iter(old.then(|| To::new("reactor", "bob".to_owned())))
    }

    fn rejected(&self, _: &Envelope<NoteEvent>, _: &cqrs_core::Rejection) -> OnRejected<To<Note>> {
        OnRejected::Fail
    }
}

async fn old_note<S: EventStore>(store: &S, id: &str) {
    let mut old = stored("Written", 1, &json!({}));
    old.metadata.headers.insert("user".into(), "ann".into());
    let stream = StreamId::of::<NoteEvent>(id).expect("a valid id");
    let append = Append::new(stream, ExpectedVersion::Any, vec![old]);
    store.append(append).await.expect("appends");
}

/// Its stream, its metadata and its time, on every path: replay, cache, snapshot, `execute_all`, target of a reactor, view.
pub async fn a_step_reads_how_an_event_was_recorded<S: Store>(store: S) {
    let before = SystemTime::now() - Duration::from_secs(3_600);
    let before = before
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("later")
        .as_secs();
    let notes = store.repository::<Note>();
    let written = |events: &[NoteEvent]| {
        let NoteEvent::Written { by, .. } = &events[0];
        by.clone()
    };

    old_note(&store, "one").await;
    let loaded = notes.load("one").await.expect("loads").state;
    assert_eq!(loaded.by, ["ann in one"]);
    assert!(
        (before..before + 7_200).contains(&loaded.earliest),
        "{loaded:?}"
    );
    let snapshots = notes
        .clone()
        .cache(0)
        .snapshots(SnapshotPolicy::on_demand());
    snapshots.take_snapshot("one").await.expect("takes one");
    let write = |text: &str| notes.execute("one", text.to_owned()).idempotency_key(text);
    let first = write("bob").await.expect("executes").events;
    assert_eq!(written(&first), "bob after ann in one");
    old_note(&store, "one").await;
    for notes in [&notes, &snapshots] {
        let state = notes.load("one").await.expect("loads").state;
        assert_eq!(
            state.by,
            ["ann in one", "bob after ann in one", "ann in one"]
        );
    }
    let done = notes.execute("one", "cid".to_owned()).await;
    let by = "cid after ann in one, bob after ann in one, ann in one";
    assert_eq!(written(&done.expect("executes").events), by);
    let repeat = write("bob").await.expect("is a repeat");
    assert_eq!((repeat.repeated, repeat.events), (true, first));

    old_note(&store, "set").await;
    let sent = store.execute_all([To::<Note>::new("set", "bob".to_owned())]);
    sent.await.expect("executes");
    let state = notes.load("set").await.expect("loads").state;
    assert_eq!(state.by[1], "bob after ann in set");

    old_note(&store, "reactor").await;
    let reactor = Runner::over_log::<role::Reactor>(&store, Countersigns).expect("a reactor");
    reactor.catch_up().await.expect("runs");
    let view = Runner::over_log::<role::View>(&store, Signers).expect("a view");
    view.catch_up().await.expect("runs");
    let signers = ReadModel::<Signers, _>::new(&store).get("reactor").await;
    let signers = signers.expect("reads").expect("a document");
    assert_eq!(signers, ["ann in reactor", "bob after ann in reactor"]);
}
