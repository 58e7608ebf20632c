//! A store in memory that calls a hook before and after some of its calls: to force an order, or to lose an answer.

use std::{collections::HashMap, pin::Pin, sync::Arc, time::Duration};

use super::super::*;
use crate::{
    memory::{MemoryEventStore, MemoryTransaction},
    model::{
        Checkpoint, Claim, EventId, Idempotency, KeyRange, Lane, LeaseTimes, LogIdentity, Member,
        MemberId, OrderingKey, PartitionId, Position, RecordedEvent, Selection, Standing, StreamId,
        Version,
    },
    ports::{
        AdvanceError, AppendError, Appended, Appends, DeadLetter, Discarded, Discards, Document,
        DocumentWrite, Documents, EventStore, Heartbeat, Leases, LogPage, LogQuery, LookupError,
        ParkedKey, PartitionStatus, Partitions, RelayLease, RepartitionError, SaveError,
        SliceProgress, StoreError, TopicRecord, UnitOfWork, WaitingRecord,
    },
};

/// A call of the store that the hook is called at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    BeforeHeartbeat,
    BeforeClaim,
    AfterClaim,
    BeforeReadLog,
    AfterReadLog,
    BeforeCommit,
    /// The commit has succeeded; an error of the hook loses the answer.
    AfterCommit,
}

type Hooking = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;

/// The hook, and the store.
#[derive(Clone)]
pub(super) struct Hooked(
    pub(super) MemoryEventStore,
    Arc<dyn Fn(Call) -> Hooking + Send + Sync>,
);

impl Hooked {
    pub(super) fn new<F>(
        store: &MemoryEventStore,
        hook: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        Self(store.clone(), Arc::new(move |call| Box::pin(hook(call))))
    }
}

impl UnitOfWork for Hooked {
    type Transaction = MemoryTransaction;
    async fn begin(&self) -> Result<MemoryTransaction, StoreError> {
        self.0.begin().await
    }
    async fn commit(&self, transaction: MemoryTransaction) -> Result<(), CommitError> {
        (self.1)(Call::BeforeCommit).await?;
        self.0.commit(transaction).await?;
        Ok((self.1)(Call::AfterCommit).await?)
    }
    async fn rollback(&self, transaction: MemoryTransaction) -> Result<(), StoreError> {
        self.0.rollback(transaction).await
    }
}

impl Checkpoints for Hooked {
    async fn claim(
        &self,
        s: &str,
        p: &PartitionId,
        member: Option<MemberId>,
    ) -> Result<Option<Claim>, StoreError> {
        (self.1)(Call::BeforeClaim).await?;
        let claim = self.0.claim(s, p, member).await?;
        (self.1)(Call::AfterClaim).await?;
        Ok(claim)
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
    async fn standing(&self, s: &str, p: &PartitionId) -> Result<Option<Standing>, StoreError> {
        self.0.standing(s, p).await
    }
    async fn read_again_in(
        &self,
        tx: &mut MemoryTransaction,
        s: &str,
        p: &PartitionId,
        epoch: u64,
        selection: &Selection,
        reason: &str,
    ) -> Result<(), AdvanceError> {
        self.0
            .read_again_in(tx, s, p, epoch, selection, reason)
            .await
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
    async fn move_in(
        &self,
        tx: &mut MemoryTransaction,
        s: &str,
        p: &PartitionId,
        epoch: u64,
        from: Option<Checkpoint>,
        to: Checkpoint,
        reason: &str,
    ) -> Result<(), AdvanceError> {
        self.0.move_in(tx, s, p, epoch, from, to, reason).await
    }
    async fn reset_in(
        &self,
        tx: &mut MemoryTransaction,
        s: &str,
        reason: &str,
    ) -> Result<(), StoreError> {
        self.0.reset_in(tx, s, reason).await
    }
}

impl EventStore for Hooked {
    async fn read_stream(
        &self,
        s: &StreamId,
        v: Version,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        self.0.read_stream(s, v).await
    }
    async fn append_all(&self, appends: Appends) -> Result<Vec<Appended>, AppendError> {
        self.0.append_all(appends).await
    }
    async fn appended_under(
        &self,
        key: &Idempotency,
    ) -> Result<Option<Vec<Appended>>, LookupError> {
        self.0.appended_under(key).await
    }
    async fn read_streams_in(
        &self,
        tx: &mut MemoryTransaction,
        streams: &[StreamId],
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        self.0.read_streams_in(tx, streams).await
    }
    async fn append_in(
        &self,
        tx: &mut MemoryTransaction,
        appends: Appends,
    ) -> Result<Vec<Appended>, AppendError> {
        self.0.append_in(tx, appends).await
    }
    async fn read_log(&self, query: LogQuery<'_>) -> Result<LogPage, StoreError> {
        (self.1)(Call::BeforeReadLog).await?;
        let page = self.0.read_log(query).await?;
        (self.1)(Call::AfterReadLog).await?;
        Ok(page)
    }
    async fn high_water_mark(&self) -> Result<Position, StoreError> {
        self.0.high_water_mark().await
    }
    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>, StoreError> {
        self.0.event_id_at(position).await
    }
    async fn identity(&self) -> Result<LogIdentity, StoreError> {
        self.0.identity().await
    }
    async fn renew_id(&self, after: Position, reason: &str) -> Result<LogIdentity, StoreError> {
        self.0.renew_id(after, reason).await
    }
    async fn wait_for_append(&self, at_most: Duration) {
        self.0.wait_for_append(at_most).await;
    }
}

impl Discards for Hooked {
    async fn discard_in(
        &self,
        tx: &mut MemoryTransaction,
        discarded: &Discarded,
    ) -> Result<(), StoreError> {
        self.0.discard_in(tx, discarded).await
    }
    async fn discarded(&self, s: &str) -> Result<Vec<Discarded>, StoreError> {
        self.0.discarded(s).await
    }
}

impl Parking for Hooked {
    async fn parked_keys(&self, s: &str, p: &PartitionId) -> Result<Vec<OrderingKey>, StoreError> {
        self.0.parked_keys(s, p).await
    }
    async fn park_in(
        &self,
        tx: &mut MemoryTransaction,
        parked: &ParkedKey,
        at_most: u64,
    ) -> Result<bool, StoreError> {
        self.0.park_in(tx, parked, at_most).await
    }
    async fn requested(&self, s: &str, p: &PartitionId) -> Result<Vec<ParkedKey>, StoreError> {
        self.0.requested(s, p).await
    }
    async fn update_parked_in(
        &self,
        tx: &mut MemoryTransaction,
        parked: &ParkedKey,
        handled: usize,
    ) -> Result<bool, StoreError> {
        self.0.update_parked_in(tx, parked, handled).await
    }
    async fn unpark_in(
        &self,
        tx: &mut MemoryTransaction,
        parked: &ParkedKey,
    ) -> Result<bool, StoreError> {
        self.0.unpark_in(tx, parked).await
    }
    async fn wait_in(
        &self,
        tx: &mut MemoryTransaction,
        s: &str,
        records: &[WaitingRecord],
    ) -> Result<(), StoreError> {
        self.0.wait_in(tx, s, records).await
    }
    async fn waiting_records(
        &self,
        parked: &ParkedKey,
        limit: usize,
    ) -> Result<Vec<TopicRecord>, StoreError> {
        self.0.waiting_records(parked, limit).await
    }
    async fn next_dead_letter(
        &self,
        s: &str,
        p: &PartitionId,
        after: Option<u64>,
    ) -> Result<Option<DeadLetter>, StoreError> {
        self.0.next_dead_letter(s, p, after).await
    }
    async fn dead_letter_published(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        self.0.dead_letter_published(letter).await
    }
    async fn parked(&self, s: &str) -> Result<Vec<ParkedKey>, StoreError> {
        self.0.parked(s).await
    }
    async fn waiting(&self, parked: &ParkedKey) -> Result<u64, StoreError> {
        self.0.waiting(parked).await
    }
    async fn read_stream_page(
        &self,
        stream: &StreamId,
        after: Version,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        self.0.read_stream_page(stream, after, limit).await
    }
}

impl Leases for Hooked {
    fn lease_times(&self) -> LeaseTimes {
        self.0.lease_times()
    }
    async fn hold_relay(&self, relay: &str, member: &Member) -> Result<RelayLease, StoreError> {
        self.0.hold_relay(relay, member).await
    }
    async fn leave_relay(&self, relay: &str, member: MemberId) -> Result<(), StoreError> {
        self.0.leave_relay(relay, member).await
    }
}

impl Partitions for Hooked {
    async fn subscribe(&self, s: &str, partitions: u16) -> Result<(), StoreError> {
        self.0.subscribe(s, partitions).await
    }
    async fn heartbeat(
        &self,
        s: &str,
        member: &Member,
        avoid: &[PartitionId],
    ) -> Result<Heartbeat, StoreError> {
        (self.1)(Call::BeforeHeartbeat).await?;
        self.0.heartbeat(s, member, avoid).await
    }
    async fn release(
        &self,
        s: &str,
        p: &PartitionId,
        member: MemberId,
        stopped: Option<&str>,
    ) -> Result<(), StoreError> {
        self.0.release(s, p, member, stopped).await
    }
    async fn leave(&self, s: &str, member: MemberId) -> Result<(), StoreError> {
        self.0.leave(s, member).await
    }
    async fn progress_by_slice(&self, s: &str) -> Result<Vec<SliceProgress>, StoreError> {
        self.0.progress_by_slice(s).await
    }
    async fn partitions(&self, s: &str) -> Result<Vec<PartitionStatus>, StoreError> {
        self.0.partitions(s).await
    }
}

impl Inbox for Hooked {
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

impl Documents for Hooked {
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
        keys: &KeyRange,
        limit: usize,
    ) -> Result<Vec<(String, Document)>, StoreError> {
        self.0.documents(view, keys, limit).await
    }
}

impl Control for Hooked {
    async fn repartition(
        &self,
        s: &str,
        partitions: u16,
        reason: &str,
    ) -> Result<u16, RepartitionError> {
        self.0.repartition(s, partitions, reason).await
    }
    async fn redrive(&self, parked: &ParkedKey, reason: &str) -> Result<bool, StoreError> {
        self.0.redrive(parked, reason).await
    }
    async fn discard(&self, parked: &ParkedKey, reason: &str) -> Result<bool, StoreError> {
        self.0.discard(parked, reason).await
    }
    async fn pause(&self, s: &str, reason: &str) -> Result<(), StoreError> {
        self.0.pause(s, reason).await
    }
    async fn resume(&self, s: &str, reason: &str) -> Result<(), StoreError> {
        self.0.resume(s, reason).await
    }
    async fn remove(&self, s: &str, reason: &str) -> Result<(), StoreError> {
        self.0.remove(s, reason).await
    }
    async fn remove_relay(&self, relay: &str, reason: &str) -> Result<(), StoreError> {
        self.0.remove_relay(relay, reason).await
    }
}
