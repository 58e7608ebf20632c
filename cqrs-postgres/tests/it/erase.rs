//! A stream that the owner erases: readers that stopped at one of its events continue, and a log that lost commits is still noticed.

use std::sync::{Arc, Mutex};

use cqrs_core::{
    CommandStore, EventId, EventStore, ExpectedVersion, ReadModel, Relay, Runner, StoreErrorKind,
    StreamId, Version, chain,
    model::{Category, Checkpoint, RecordedEvent},
    ports::{
        AppendError, Publication, PublishError, PublishedShard, Publisher, PublisherSession,
        UnitOfWork,
    },
    role,
};
use cqrs_postgres::PgEventStore;

use crate::{
    roles::{Account, Balances, Mirror, entries, open},
    support::{fresh_store, number, run, until, waiting_for},
};

/// A broker in memory, which keeps what it has published and how far.
#[derive(Debug, Clone, Default)]
struct Broker(Arc<Mutex<Published>>);

#[derive(Debug, Default)]
struct Published {
    events: Vec<EventId>,
    upto: Option<Checkpoint>,
}

impl Broker {
    fn state(&self) -> std::sync::MutexGuard<'_, Published> {
        self.0.lock().expect("no panic under the lock")
    }

    async fn publish_all(&self, store: &PgEventStore) -> Result<(), cqrs_core::relay::RelayError> {
        let events = number(store, "select count(*) from __schema__.events").await;
        let before = self.state().events.len();
        let last = number(
            store,
            "select coalesce(max(position), 0) from __schema__.events",
        )
        .await;
        let done = async || {
            while self.state().upto.map_or(0, |upto| upto.offset.get())
                < u64::try_from(last).expect("counts")
            {
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
        };
        Relay::new(store, "relay", self.clone()).run(done()).await?;
        assert!(self.state().events.len() - before <= usize::try_from(events).expect("counts"));
        Ok(())
    }
}

impl Publisher for Broker {
    type Session = Self;
    async fn open(&self, _: &Publication) -> Result<Vec<Self>, PublishError> {
        Ok(vec![self.clone()])
    }
    async fn reopen(&self, _: &Publication, _: u16) -> Result<Self, PublishError> {
        Ok(self.clone())
    }
    async fn published(
        &self,
        _: &Publication,
        _: u64,
    ) -> Result<Vec<PublishedShard>, PublishError> {
        unreachable!("nothing is recovered")
    }
    async fn restart(&self, _: &Publication, _: &[Option<Checkpoint>]) -> Result<(), PublishError> {
        unreachable!("nothing is recovered")
    }
}

impl PublisherSession for Broker {
    fn shard(&self) -> u16 {
        0
    }
    fn published(&self) -> Option<Checkpoint> {
        self.state().upto
    }
    async fn publish(
        self,
        events: &[RecordedEvent],
        upto: Checkpoint,
    ) -> Result<Self, PublishError> {
        let mut state = self.state();
        state.events.extend(events.iter().map(|event| event.id));
        state.upto = Some(upto);
        drop(state);
        Ok(self)
    }
}

fn account(id: &str) -> StreamId {
    StreamId::new(Category::new("account").expect("valid"), id).expect("valid")
}

async fn view(store: &PgEventStore) -> Result<(), cqrs_core::read::RunnerError> {
    Runner::over_log::<role::View>(store, Balances)?
        .catch_up()
        .await
}

async fn reactor(store: &PgEventStore) -> Result<(), cqrs_core::read::RunnerError> {
    Runner::over_log::<role::Reactor>(store, Mirror)?
        .catch_up()
        .await
}

/// Everybody stands exactly at the last event of the stream that is erased.
#[tokio::test(flavor = "multi_thread")]
async fn readers_that_stopped_at_an_erased_event_continue() {
    let store = fresh_store().await;
    let broker = Broker::default();
    open(&store, "ann", 2).await;
    open(&store, "bob", 3).await;
    view(&store).await.expect("runs");
    broker.publish_all(&store).await.expect("publishes");
    let bobs = broker.state().events.len();
    assert_eq!(bobs, 5);

    let erased = store.erase_stream(&account("bob"), "request 12").await;
    assert_eq!(erased.expect("erases"), 3);
    open(&store, "cid", 1).await;
    view(&store).await.expect("continues");
    broker.publish_all(&store).await.expect("continues");
    assert_eq!(broker.state().events.len(), 6);
    let balances = ReadModel::<Balances, _>::new(&store);
    assert_eq!(balances.get("cid").await.expect("reads"), Some(1));

    // The reactor's own events follow. Once it has read them, too, its checkpoint is at the last of them, which is erased.
    reactor(&store).await.expect("runs");
    reactor(&store).await.expect("runs");
    let last = "select count(*) from __schema__.checkpoints c where subscription = 'mirror'
                and \"offset\" = (select max(position) from __schema__.events)";
    assert_eq!(number(&store, last).await, 1);
    let mirror = StreamId::new(Category::new("mirror").expect("valid"), "all").expect("valid");
    let of_mirror = store
        .read_stream(&mirror, Version::EMPTY)
        .await
        .expect("reads");
    assert_eq!(of_mirror.len(), 3, "ann and cid");
    store
        .erase_stream(&mirror, "request 13")
        .await
        .expect("erases");
    open(&store, "dan", 1).await;
    reactor(&store).await.expect("continues");
    let of_mirror = store
        .read_stream(&mirror, Version::EMPTY)
        .await
        .expect("reads");
    assert_eq!(of_mirror.len(), 1, "dan alone: nothing is handled twice");
    let reasons = "select count(*) from __schema__.operations where verb = 'erase_stream' and reason like 'request 1%'
                   and arguments ->> 'events' in ('3')";
    assert_eq!(number(&store, reasons).await, 2);
}

/// The event was deleted by hand, or lost: that is still noticed.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_event_is_no_erased_one() {
    let store = fresh_store().await;
    open(&store, "ann", 2).await;
    view(&store).await.expect("runs");
    run(
        &store,
        "alter table __schema__.events disable trigger events_never_change;
         delete from __schema__.events where position = 2;
         insert into __schema__.erased (position, event_id) values (2, gen_random_uuid());
         alter table __schema__.events enable always trigger events_never_change;",
    )
    .await;
    open(&store, "bob", 1).await;
    let error = view(&store).await.expect_err("notices it");
    let text = chain(&error).to_string();
    assert!(text.contains("the log was replaced"), "{text}");
}

/// A command that was decided on the erased events is decided again.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_begins_anew_after_it_was_erased() {
    let store = fresh_store().await;
    let accounts = store.repository::<Account>();
    for _ in 0..3 {
        accounts.execute("ann", 1).await.expect("executes");
    }
    let before = store
        .read_stream(&account("ann"), Version::EMPTY)
        .await
        .expect("reads");
    store
        .erase_stream(&account("ann"), "a test")
        .await
        .expect("erases");
    let last = before.last().expect("an event");
    let late = entries("ann", ExpectedVersion::LastEvent(last.version, last.id), 1);
    let late = store.append(late).await;
    assert!(matches!(late, Err(AppendError::Conflict(_))), "{late:?}");
    let executed = accounts.execute("ann", 1).await.expect("executes");
    assert_eq!(executed.version, Version::new(1));
    let snapshots = "select count(*) from __schema__.snapshots where version > 1";
    assert_eq!(number(&store, snapshots).await, 0);
}

/// The guard of the stream keeps the two apart: no event is left behind with a gap before it.
#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_waits_for_an_open_append() {
    let store = fresh_store().await;
    open(&store, "ann", 2).await;
    let mut transaction = store.begin().await.expect("begins");
    let append = entries("ann", ExpectedVersion::Any, 1);
    store
        .append_in(&mut transaction, append.into())
        .await
        .expect("appends");
    let erasing = {
        let store = store.clone();
        tokio::spawn(async move { store.erase_stream(&account("ann"), "a test").await })
    };
    until("it waits", async || waiting_for(&store, "ann").await > 0).await;
    store.commit(transaction).await.expect("commits");
    assert_eq!(erasing.await.expect("no panic").expect("erases"), 3);
    assert_eq!(
        number(&store, "select count(*) from __schema__.events").await,
        0
    );
}

#[tokio::test]
async fn a_stream_is_not_erased_without_a_reason() {
    let store = fresh_store().await;
    open(&store, "ann", 1).await;
    let error = store.erase_stream(&account("ann"), " ").await;
    let error = error.expect_err("rejected");
    assert_eq!(error.kind(), StoreErrorKind::InvalidInput);
    assert_eq!(
        number(&store, "select count(*) from __schema__.events").await,
        1
    );
}
