//! The relay against a model of a transactional broker with scripted failures. The tests prove the relay's own protocol:
//! after an unknown outcome it opens the shard again and reads from the position found there. Tests on Kafka prove the rest.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use proptest::prelude::*;

use super::*;
use crate::{
    memory::MemoryEventStore,
    model::{
        Category, Checkpoint, EventId, ExpectedVersion, LeaseTimes, LogIdentity, Member, MemberId,
        Metadata, NewEvent, PartitionId, Position, RecordedEvent, StreamId, chain,
    },
    ports::{
        Append, LogQuery, Publication, PublishError, PublishedEvent, PublishedShard,
        PublisherSession, RelayLease, StoreError,
    },
    run_loop::Phase,
};

/// The broker's handling of a transaction.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Commits,
    /// Nothing is visible; the caller gets an unknown outcome.
    Aborts,
    /// All events are visible; the caller gets an unknown outcome.
    CommitsReplyLost,
    /// Another instance takes over before this one commits.
    Fences,
}

#[derive(Debug, Default)]
struct BrokerState {
    visible: Vec<EventId>,
    published: Vec<Option<Checkpoint>>,
    epochs: Vec<u64>,
    /// What the topics have of each shard, for `recover`.
    topics: Vec<Vec<PublishedEvent>>,
    depths: Vec<u64>,
    script: VecDeque<Fate>,
    /// An event that the broker rejects.
    poison: Option<EventId>,
    /// An event whose transactions time out.
    too_slow: Option<EventId>,
    /// The number of opening calls that still fail.
    failing_opens: u32,
}

#[derive(Debug, Clone, Default)]
struct Broker(Arc<Mutex<BrokerState>>);

#[derive(Debug)]
struct Session {
    broker: Broker,
    shard: u16,
    epoch: u64,
}

impl BrokerState {
    fn open_fails(&mut self) -> bool {
        let fails = self.failing_opens > 0;
        self.failing_opens = self.failing_opens.saturating_sub(1);
        fails
    }
}

impl Broker {
    fn state(&self) -> std::sync::MutexGuard<'_, BrokerState> {
        self.0.lock().expect("no panic under the lock")
    }

    fn session(&self, shard: u16) -> Session {
        let mut state = self.state();
        let index = usize::from(shard);
        if state.epochs.len() <= index {
            state.epochs.resize(index + 1, 0);
            state.published.resize(index + 1, None);
        }
        state.epochs[index] += 1;
        Session {
            broker: self.clone(),
            shard,
            epoch: state.epochs[index],
        }
    }
}

impl Publisher for Broker {
    type Session = Session;
    async fn open(&self, publication: &Publication) -> Result<Vec<Session>, PublishError> {
        if self.state().open_fails() {
            return Err(PublishError::Unavailable("planted".into()));
        }
        Ok((0..publication.shards)
            .map(|shard| self.session(shard))
            .collect())
    }
    async fn reopen(&self, _: &Publication, shard: u16) -> Result<Session, PublishError> {
        Ok(self.session(shard))
    }
    async fn published(
        &self,
        publication: &Publication,
        depth: u64,
    ) -> Result<Vec<PublishedShard>, PublishError> {
        let mut state = self.state();
        state.depths.push(depth);
        let shards = usize::from(publication.shards);
        state.topics.resize(shards, Vec::new());
        let tail = |events: &Vec<PublishedEvent>| {
            let first = events
                .len()
                .saturating_sub(usize::try_from(depth).expect("small"));
            let before = first.checked_sub(1).map(|index| events[index].position);
            PublishedShard::new(events[first..].to_vec(), before)
        };
        Ok(state.topics.iter().map(tail).collect())
    }
    async fn restart(
        &self,
        _: &Publication,
        published: &[Option<Checkpoint>],
    ) -> Result<(), PublishError> {
        self.state().published = published.to_vec();
        Ok(())
    }
}

impl PublisherSession for Session {
    fn shard(&self) -> u16 {
        self.shard
    }
    fn published(&self) -> Option<Checkpoint> {
        self.broker.state().published[usize::from(self.shard)]
    }
    async fn publish(
        self,
        events: &[RecordedEvent],
        upto: Checkpoint,
    ) -> Result<Self, PublishError> {
        let mut state = self.broker.state();
        let shard = usize::from(self.shard);
        let fate = state.script.pop_front().unwrap_or(Fate::Commits);
        if fate == Fate::Fences {
            state.epochs[shard] += 1;
        }
        if state.epochs[shard] != self.epoch {
            return Err(PublishError::Fenced);
        }
        if let Some(event) = events.iter().find(|event| state.poison == Some(event.id)) {
            return Err(PublishError::Rejected {
                event: event.to_string(),
                reason: "planted".into(),
            });
        }
        if events.iter().any(|event| state.too_slow == Some(event.id)) {
            return Err(PublishError::Reopen("too slow".into()));
        }
        if fate != Fate::Aborts {
            state.visible.extend(events.iter().map(|event| event.id));
            state.published[shard] = Some(upto);
        }
        drop(state);
        if fate == Fate::Commits {
            Ok(self)
        } else {
            Err(PublishError::Reopen("planted".into()))
        }
    }
}

async fn append(store: &MemoryEventStore, id: u64) {
    let stream =
        StreamId::new(Category::new("a").expect("valid"), (id % 5).to_string()).expect("valid");
    let event = NewEvent {
        id: EventId::random(),
        event_type: "Happened",
        schema_version: 1,
        payload: bytes::Bytes::from_static(b"1"),
        metadata: Metadata::default(),
    };
    let append = Append {
        stream,
        expected: ExpectedVersion::Any,
        events: vec![event],
    };
    store.append(append).await.expect("appends");
}

async fn log(store: &MemoryEventStore) -> Vec<RecordedEvent> {
    let query = LogQuery::new(Position::START, 1_000);
    store.read_log(query).await.expect("reads").events
}

/// Waits until this number of events is visible.
async fn visible(broker: &Broker, count: usize) {
    while broker.state().visible.len() < count {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn paused() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
}

fn fates() -> impl Strategy<Value = Fate> {
    prop_oneof![
        Just(Fate::Commits),
        Just(Fate::Aborts),
        Just(Fate::CommitsReplyLost)
    ]
}

proptest! {
    /// Consumers see every event once, and those of a stream in order.
    #[test]
    fn every_event_is_visible_once_despite_lost_outcomes(
        script in prop::collection::vec(fates(), 0..40),
        batch in 1_usize..8,
        shards in 1_u16..4,
        stops in prop::collection::vec(1_usize..30, 0..3),
    ) {
        paused().block_on(async {
            let store = MemoryEventStore::default();
            let broker = Broker::default();
            for id in 0..30 {
                append(&store, id).await;
            }
            broker.state().script = script.into();
            let relay = || Relay::new(&store, "model", broker.clone()).batch_size(batch).shards(shards);
            for count in stops {
                relay().run(visible(&broker, count)).await.expect("runs");
            }
            relay().run(visible(&broker, 30)).await.expect("runs");
            let log = log(&store).await;
            let seen = broker.state().visible.clone();
            assert_eq!(seen.len(), 30, "none is lost or duplicated");
            for id in 0..5 {
                let of_stream = log.iter().filter(|event| event.stream.id() == id.to_string());
                let order = of_stream.map(|event| seen.iter().position(|id| *id == event.id));
                assert!(order.is_sorted_by(|a, b| a.is_some() && a < b));
            }
        });
    }
}

#[tokio::test(start_paused = true)]
async fn an_unavailable_broker_is_retried_at_the_start() {
    let store = MemoryEventStore::default();
    let broker = Broker::default();
    append(&store, 1).await;
    broker.state().failing_opens = 5;
    let relay = Relay::new(&store, "model", broker.clone());
    let mut progress = relay.progress();
    let running = tokio::spawn(relay.run(std::future::pending()));
    let waits = |phase: &Phase| matches!(phase, Phase::Retrying { attempts: 3.., .. });
    progress.until(waits).await;
    let message = progress.last_error().expect("it has failed");
    assert_eq!(
        message,
        "cannot publish: the broker cannot be reached: planted"
    );
    progress.until(|phase| *phase == Phase::CaughtUp).await;
    assert_eq!(broker.state().visible.len(), 1);
    let shards = progress.partitions();
    assert_eq!(
        shards[&PartitionId::Log(Slices::ALL)].checkpoint,
        broker.state().published[0]
    );
    running.abort();
    assert_eq!(progress.until(|_| false).await, Phase::Gone);
}

#[tokio::test(start_paused = true)]
async fn progress_of_a_relay_shows_how_far_behind_and_how_fast() {
    let store = MemoryEventStore::default();
    let broker = Broker::default();
    append(&store, 3).await;
    let relay = Relay::new(&store, "model", broker.clone());
    let mut progress = relay.progress();
    assert_eq!(progress.lag(), None, "it has not read");
    let running = tokio::spawn(relay.run(std::future::pending()));
    progress.until(|phase| *phase == Phase::CaughtUp).await;
    assert_eq!(progress.lag(), Some(crate::ports::Lag::NONE));
    assert!(progress.events_per_second() > 0.0);
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_waits_for_its_broker_can_be_stopped() {
    let broker = Broker::default();
    broker.state().failing_opens = u32::MAX;
    let relay = Relay::new(&MemoryEventStore::default(), "model", broker.clone());
    let progress = relay.progress();
    let stop = tokio::time::sleep(Duration::from_secs(60));
    relay.run(stop).await.expect("stops");
    assert_eq!(progress.phase(), Phase::Stopped);
    assert!(broker.state().failing_opens < u32::MAX, "it has tried");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_published_stops_the_relay_at_it() {
    let store = MemoryEventStore::default();
    let broker = Broker::default();
    for id in 0..30 {
        append(&store, id).await;
    }
    let log = log(&store).await;
    broker.state().poison = Some(log[22].id);
    let relay = || Relay::new(&store, "model", broker.clone());
    let error = relay()
        .run(std::future::pending())
        .await
        .expect_err("stops");
    assert!(chain(&error).to_string().contains("position 23"), "{error}");
    assert_eq!(broker.state().visible.len(), 22);
    broker.state().poison = None;
    relay()
        .run(visible(&broker, 30))
        .await
        .expect("goes on after the cause is gone");
    assert_eq!(
        broker.state().visible,
        log.iter().map(|event| event.id).collect::<Vec<_>>()
    );
}

#[tokio::test(start_paused = true)]
async fn a_log_that_was_replaced_is_not_published() {
    let store = MemoryEventStore::default();
    let broker = Broker::default();
    append(&store, 1).await;
    Relay::new(&store, "model", broker.clone())
        .run(visible(&broker, 1))
        .await
        .expect("runs");
    let restored = MemoryEventStore::default();
    append(&restored, 1).await;
    append(&restored, 2).await;
    let error = Relay::new(&restored, "model", broker.clone())
        .run(std::future::pending())
        .await
        .expect_err("stops");
    assert!(
        matches!(error.kind, RelayErrorKind::LogReplaced(_)),
        "{error}"
    );
    assert_eq!(broker.state().visible.len(), 1);
}

mod leases;

/// A store that switches to another log at one read. That read may fail.
#[derive(Debug, Clone, Default)]
struct Replaced {
    before: MemoryEventStore,
    after: MemoryEventStore,
    reads: Arc<std::sync::atomic::AtomicU32>,
    /// The number of that read.
    replaced_at: u32,
    fails: bool,
    /// Every read of this event runs into a time limit.
    too_slow: Option<Position>,
    /// The heartbeats of this process do not reach the store.
    cut_off: Arc<std::sync::Mutex<Option<CutOff>>>,
}

/// What a process learns whose heartbeats do not reach the store.
#[derive(Debug, Clone, Copy, PartialEq)]
enum CutOff {
    /// They fail.
    Fails,
    /// It believes that it has the relay.
    Believes,
}

impl Replaced {
    fn now(&self) -> &MemoryEventStore {
        let reads = self.reads.load(std::sync::atomic::Ordering::SeqCst);
        if reads < self.replaced_at {
            &self.before
        } else {
            &self.after
        }
    }
}

impl crate::ports::UnitOfWork for Replaced {
    type Transaction = crate::memory::MemoryTransaction;
    async fn begin(&self) -> Result<Self::Transaction, StoreError> {
        self.now().begin().await
    }
    async fn commit(
        &self,
        transaction: Self::Transaction,
    ) -> Result<(), crate::ports::CommitError> {
        self.now().commit(transaction).await
    }
    async fn rollback(&self, transaction: Self::Transaction) -> Result<(), StoreError> {
        self.now().rollback(transaction).await
    }
}

impl Leases for Replaced {
    fn lease_times(&self) -> LeaseTimes {
        self.before.lease_times()
    }
    async fn hold_relay(&self, relay: &str, member: &Member) -> Result<RelayLease, StoreError> {
        let cut_off = *self.cut_off.lock().expect("no panic");
        match cut_off {
            None => self.before.hold_relay(relay, member).await,
            Some(CutOff::Fails) => Err(StoreError::new(
                crate::ports::StoreErrorKind::Unavailable,
                "planted",
            )),
            Some(CutOff::Believes) => Ok(RelayLease::new(true, "this process")),
        }
    }
    async fn leave_relay(&self, relay: &str, member: MemberId) -> Result<(), StoreError> {
        self.before.leave_relay(relay, member).await
    }
}

impl EventStore for Replaced {
    async fn read_stream(
        &self,
        stream: &StreamId,
        after: crate::model::Version,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        self.now().read_stream(stream, after).await
    }
    async fn append_all(
        &self,
        appends: crate::ports::Appends,
    ) -> Result<Vec<crate::ports::Appended>, crate::ports::AppendError> {
        self.now().append_all(appends).await
    }
    async fn appended_under(
        &self,
        idempotency: &crate::model::Idempotency,
    ) -> Result<Option<Vec<crate::ports::Appended>>, crate::ports::LookupError> {
        self.now().appended_under(idempotency).await
    }
    async fn read_streams_in(
        &self,
        transaction: &mut Self::Transaction,
        streams: &[StreamId],
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        self.now().read_streams_in(transaction, streams).await
    }
    async fn append_in(
        &self,
        transaction: &mut Self::Transaction,
        appends: crate::ports::Appends,
    ) -> Result<Vec<crate::ports::Appended>, crate::ports::AppendError> {
        self.now().append_in(transaction, appends).await
    }
    async fn read_log(&self, query: LogQuery<'_>) -> Result<crate::ports::LogPage, StoreError> {
        let reads = self.reads.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
        if self.fails && reads == self.replaced_at {
            return Err(StoreError::new(
                crate::ports::StoreErrorKind::Unavailable,
                "planted",
            ));
        }
        let page = self.now().read_log(query).await?;
        let mut events = page.events.iter();
        if events.any(|event| Some(event.position) == self.too_slow) {
            return Err(StoreError::new(
                crate::ports::StoreErrorKind::Unavailable,
                "too slow",
            ));
        }
        Ok(page)
    }
    async fn high_water_mark(&self) -> Result<Position, StoreError> {
        self.now().high_water_mark().await
    }
    async fn identity(&self) -> Result<LogIdentity, StoreError> {
        self.now().identity().await
    }
    async fn renew_id(&self, after: Position, reason: &str) -> Result<LogIdentity, StoreError> {
        self.now().renew_id(after, reason).await
    }
    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>, StoreError> {
        self.now().event_id_at(position).await
    }
    async fn wait_for_append(&self, at_most: Duration) {
        tokio::time::sleep(at_most).await;
    }
}

/// The relay has published one event when the log is replaced by one with three events. It publishes none of them.
async fn nothing_is_published_from_another_log(replaced_at: u32, fails: bool) {
    let before = MemoryEventStore::default();
    let after = MemoryEventStore::default();
    let broker = Broker::default();
    append(&before, 1).await;
    for id in 0..3 {
        append(&after, id).await;
    }
    let store = Replaced {
        before,
        after,
        reads: Arc::default(),
        replaced_at,
        fails,
        ..Replaced::default()
    };
    let error = Relay::new(&store, "model", broker.clone())
        .run(std::future::pending())
        .await
        .expect_err("stops");
    assert!(
        matches!(error.kind, RelayErrorKind::LogReplaced(_)),
        "{error}"
    );
    assert_eq!(broker.state().visible.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_log_is_verified_again_after_the_store_was_unavailable() {
    nothing_is_published_from_another_log(3, true).await;
}

/// A fail-over replaces idle connections, and no call fails.
#[tokio::test(start_paused = true)]
async fn a_log_replaced_without_an_error_is_noticed_by_the_next_page() {
    // While the first page is published, the relay reads the second.
    for replaced_at in 2..6 {
        nothing_is_published_from_another_log(replaced_at, false).await;
    }
}

/// Runs a relay until an event fails alone, and returns the last error.
async fn until_one_is_named(store: Replaced, broker: &Broker) -> String {
    let relay = Relay::new(&store, "model", broker.clone());
    let mut progress = relay.progress();
    let running = tokio::spawn(relay.run(std::future::pending()));
    let named = async {
        loop {
            progress
                .until(|phase| matches!(phase, Phase::Retrying { .. }))
                .await;
            match progress.last_error() {
                Some(error) if error.contains("fails alone") => return error,
                _ => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    };
    let error = tokio::time::timeout(Duration::from_secs(3600), named).await;
    running.abort();
    error.expect("is named")
}

async fn thirty_events() -> MemoryEventStore {
    let store = MemoryEventStore::default();
    for id in 0..30 {
        append(&store, id).await;
    }
    store
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_read_in_time_is_named_after_those_before_it() {
    let broker = Broker::default();
    let store = Replaced {
        before: thirty_events().await,
        replaced_at: u32::MAX,
        too_slow: Some(Position::new(23)),
        ..Replaced::default()
    };
    let error = until_one_is_named(store, &broker).await;
    assert_eq!(error, "the event after position 22 fails alone: too slow");
    assert_eq!(broker.state().visible.len(), 22);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_never_published_in_time_is_named_after_those_before_it() {
    let broker = Broker::default();
    let before = thirty_events().await;
    broker.state().too_slow = Some(log(&before).await[22].id);
    let store = Replaced {
        before,
        replaced_at: u32::MAX,
        ..Replaced::default()
    };
    let error = until_one_is_named(store, &broker).await;
    assert!(error.contains("position 23 fails alone"), "{error}");
    assert_eq!(broker.state().visible.len(), 22);
}
