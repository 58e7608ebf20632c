//! Repeated records, commits with a lost reply, and a slow source. A scripted source acts as the topic.

mod event_store;

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::watch;

use super::{super::*, Sums, filled, sums};
use crate::{
    memory::{MemoryEventStore, MemoryTransaction},
    model::{Checkpoint, Claim, Lane, Offset, PartitionId, Position, RecordedEvent, Selection},
    ports::{
        AdvanceError, Batch, CommitError, Document, DocumentWrite, Documents, Next, Reader,
        SaveError, SourceError, StoreError, StoreErrorKind, UnitOfWork,
    },
};

/// A source with the records of one partition: it delivers from the checkpoint on.
struct Scripted {
    /// Counts calls down to 0; until then every other call fails.
    unavailable: u32,
    /// The time that a read takes.
    slow: Duration,
    records: Vec<RecordedEvent>,
    handed_out: bool,
    stop: watch::Sender<bool>,
}

struct ScriptedReader {
    /// The time that a read takes.
    slow: Duration,
    partition: PartitionId,
    records: Vec<RecordedEvent>,
    ahead: VecDeque<(u64, RecordedEvent)>,
    stop: watch::Receiver<bool>,
}

impl Scripted {
    fn new(records: Vec<RecordedEvent>) -> Self {
        Self {
            unavailable: 0,
            slow: Duration::ZERO,
            records,
            handed_out: false,
            stop: watch::channel(false).0,
        }
    }

    /// Whether this call fails.
    fn is_unavailable(&mut self) -> bool {
        let unavailable = self.unavailable % 2 == 1;
        self.unavailable = self.unavailable.saturating_sub(1);
        unavailable
    }
}

impl Source for Scripted {
    type Reader = ScriptedReader;
    async fn assigned(&mut self) -> Result<Option<ScriptedReader>, SourceError> {
        if self.is_unavailable() {
            return Err(SourceError::Unavailable("planted".into()));
        }
        if std::mem::replace(&mut self.handed_out, true) {
            self.stop.closed().await;
            return Ok(None);
        }
        let records = self.records.clone();
        let stop = self.stop.subscribe();
        Ok(Some(ScriptedReader {
            slow: self.slow,
            partition: topic(),
            records,
            ahead: VecDeque::new(),
            stop,
        }))
    }
    async fn ends(&mut self) -> Result<Vec<(PartitionId, Offset)>, SourceError> {
        if self.is_unavailable() {
            return Err(SourceError::Unavailable("planted".into()));
        }
        Ok(vec![(topic(), Offset::new(self.records.len() as u64))])
    }
    fn stop(&mut self) {
        self.stop.send_replace(true);
    }
}

impl Reader for ScriptedReader {
    fn partition(&self) -> &PartitionId {
        &self.partition
    }
    async fn start(&mut self, at: Option<Checkpoint>) -> Result<(), SourceError> {
        let from = at.map_or(0, |checkpoint| checkpoint.offset.get());
        self.ahead = (0..)
            .zip(self.records.iter().cloned())
            .filter(|(offset, _)| *offset >= from)
            .collect();
        Ok(())
    }
    async fn next(&mut self, max: usize) -> Result<Next, SourceError> {
        tokio::time::sleep(self.slow).await;
        if self.revoked() {
            return Ok(Next::Revoked);
        }
        if self.ahead.is_empty() {
            let stopped = self.stop.wait_for(|stop| *stop);
            drop(tokio::time::timeout(Duration::from_millis(100), stopped).await);
            return Ok(Next::Idle);
        }
        let taken: Vec<_> = self.ahead.drain(..max.min(self.ahead.len())).collect();
        let next = taken.last().map_or(0, |(offset, _)| offset + 1);
        let events = taken.into_iter().map(|(_, event)| event).collect();
        let next = Checkpoint {
            offset: Offset::new(next),
            event_id: None,
        };
        Ok(Next::Batch(Batch { events, next }))
    }
    async fn back_off(&mut self, wait: Duration) {
        tokio::time::sleep(wait).await;
    }
    fn revoked(&self) -> bool {
        *self.stop.borrow()
    }
}

fn topic() -> PartitionId {
    PartitionId::Topic {
        topic: "counters".into(),
        partition: 0,
    }
}

/// The records at these indexes, each in one of two lanes.
fn published(order: &[usize], records: &[RecordedEvent]) -> Vec<RecordedEvent> {
    let lane = |index: usize| {
        if index.is_multiple_of(2) {
            "relay.0"
        } else {
            "relay.1"
        }
    };
    order
        .iter()
        .map(|&index| RecordedEvent {
            lane: Some(Lane::new(lane(index))),
            ..records[index].clone()
        })
        .collect()
}

async fn log(store: &MemoryEventStore) -> Vec<RecordedEvent> {
    let query = crate::ports::LogQuery::new(Position::START, 1_000);
    store.read_log(query).await.expect("reads").events
}

/// A store that returns an unknown outcome for every other commit, although the commit succeeded.
#[derive(Clone)]
struct LosesReplies(MemoryEventStore, Arc<AtomicBool>, Arc<Mutex<u32>>);

impl UnitOfWork for LosesReplies {
    type Transaction = MemoryTransaction;
    async fn begin(&self) -> Result<MemoryTransaction, StoreError> {
        self.0.begin().await
    }
    async fn commit(&self, transaction: MemoryTransaction) -> Result<(), CommitError> {
        self.0.commit(transaction).await?;
        if self.1.fetch_xor(true, Ordering::Relaxed) {
            *self.2.lock().expect("no panic") += 1;
            return Err(StoreError::new(StoreErrorKind::OutcomeUnknown, "planted").into());
        }
        Ok(())
    }
    async fn rollback(&self, transaction: MemoryTransaction) -> Result<(), StoreError> {
        self.0.rollback(transaction).await
    }
}

impl Checkpoints for LosesReplies {
    async fn claim(&self, s: &str, p: &PartitionId) -> Result<Claim, StoreError> {
        self.0.claim(s, p).await
    }
    async fn advance_in(
        &self,
        tx: &mut MemoryTransaction,
        s: &str,
        p: &PartitionId,
        epoch: u64,
        from: Option<Checkpoint>,
        to: Checkpoint,
    ) -> Result<(), AdvanceError> {
        self.0.advance_in(tx, s, p, epoch, from, to).await
    }
    async fn checkpoint(&self, s: &str, p: &PartitionId) -> Result<Option<Checkpoint>, StoreError> {
        self.0.checkpoint(s, p).await
    }
    async fn selection(&self, s: &str, p: &PartitionId) -> Result<Option<Selection>, StoreError> {
        self.0.selection(s, p).await
    }
    async fn select_in(
        &self,
        tx: &mut MemoryTransaction,
        s: &str,
        p: &PartitionId,
        epoch: u64,
        selection: &Selection,
        reason: Option<&str>,
    ) -> Result<(), AdvanceError> {
        self.0.select_in(tx, s, p, epoch, selection, reason).await
    }
    async fn reset_in(&self, tx: &mut MemoryTransaction, s: &str) -> Result<(), StoreError> {
        self.0.reset_in(tx, s).await
    }
}

impl Inbox for LosesReplies {
    async fn received(
        &self,
        s: &str,
        p: &PartitionId,
    ) -> Result<Vec<(Lane, Position)>, StoreError> {
        self.0.received(s, p).await
    }
    async fn rewind_in(
        &self,
        tx: &mut MemoryTransaction,
        s: &str,
        reason: &str,
    ) -> Result<(), StoreError> {
        self.0.rewind_in(tx, s, reason).await
    }
    async fn receive_in(
        &self,
        tx: &mut MemoryTransaction,
        s: &str,
        p: &PartitionId,
        received: &[(Lane, Position)],
    ) -> Result<(), StoreError> {
        self.0.receive_in(tx, s, p, received).await
    }
}

impl Documents for LosesReplies {
    async fn prepare_view(&self, view: &str) -> Result<(), StoreError> {
        self.0.prepare_view(view).await
    }
    async fn load_in(
        &self,
        tx: &mut MemoryTransaction,
        view: &str,
        keys: &[String],
    ) -> Result<HashMap<String, Document>, StoreError> {
        self.0.load_in(tx, view, keys).await
    }
    async fn save_in(
        &self,
        tx: &mut MemoryTransaction,
        view: &str,
        writes: &[DocumentWrite],
    ) -> Result<(), SaveError> {
        self.0.save_in(tx, view, writes).await
    }
    async fn clear_in(&self, tx: &mut MemoryTransaction, view: &str) -> Result<(), StoreError> {
        self.0.clear_in(tx, view).await
    }
    async fn document(&self, view: &str, key: &str) -> Result<Option<Document>, StoreError> {
        self.0.document(view, key).await
    }
    async fn documents(
        &self,
        view: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Document)>, StoreError> {
        self.0.documents(view, after, limit).await
    }
}

async fn consume<S: Checkpoints + Inbox + EventStore + Documents>(
    store: &S,
    records: Vec<RecordedEvent>,
) {
    consume_from(store, Scripted::new(records)).await;
}

async fn consume_from<S: Checkpoints + Inbox + EventStore + Documents>(
    store: &S,
    source: Scripted,
) {
    let runner = Runner::over::<crate::read::handler::role::View>(store, Sums, source)
        .expect("a view")
        .batch_size(3);
    runner.catch_up().await.expect("runs");
}

#[tokio::test]
async fn repeats_within_a_lane_are_handled_once() {
    let records = log(&filled(8).await).await;
    let store = MemoryEventStore::default();
    // Two lanes, even and odd. Repeats within a batch, in a later batch, and of several records.
    let order = [0, 1, 0, 2, 3, 1, 2, 4, 0, 2, 4, 5, 7, 5, 6, 6, 7];
    consume(&store, published(&order, &records)).await;
    assert_eq!(sums(&store).await, Vec::from_iter(1..=8));
}

#[tokio::test(start_paused = true)]
async fn a_batch_with_a_lost_commit_reply_is_applied_once() {
    let records = log(&filled(40).await).await;
    let inner = MemoryEventStore::default();
    let lost = Arc::new(Mutex::new(0));
    let store = LosesReplies(
        inner.clone(),
        Arc::new(AtomicBool::new(true)),
        Arc::clone(&lost),
    );
    consume(&store, published(&Vec::from_iter(0..40), &records)).await;
    assert_eq!(sums(&inner).await, Vec::from_iter(1..=40));
    assert!(*lost.lock().expect("no panic") > 3, "replies were lost");
}

#[tokio::test(start_paused = true)]
async fn a_runner_waits_for_a_slow_source() {
    let records = log(&filled(8).await).await;
    let store = MemoryEventStore::default();
    let published = published(&Vec::from_iter(0..8), &records);
    let source = Scripted {
        slow: Duration::from_secs(60),
        ..Scripted::new(published)
    };
    consume_from(&store, source).await;
    assert_eq!(sums(&store).await, Vec::from_iter(1..=8));
}

#[tokio::test(start_paused = true)]
async fn an_unavailable_source_is_retried_at_the_start() {
    let records = log(&filled(8).await).await;
    let store = MemoryEventStore::default();
    let source = Scripted {
        unavailable: 5,
        ..Scripted::new(published(&Vec::from_iter(0..8), &records))
    };
    consume_from(&store, source).await;
    assert_eq!(sums(&store).await, Vec::from_iter(1..=8));
}
