//! The implementations of the ports.

use std::{collections::HashMap, time::Duration};

use super::{MemoryEventStore, MemoryTransaction, operations::NewOperation};
use crate::{
    model::{
        Checkpoint, Claim, EventId, Idempotency, KeyRange, Lane, Limits, LogId, LogIdentity,
        MemberId, PartitionId, Position, RecordedEvent, Selection, Standing, StreamId, Version,
    },
    ports::{
        AdvanceError, AppendError, Appended, Appends, Checkpoints, CommitError, Discarded,
        Discards, Document, DocumentWrite, Documents, EventStore, Inbox, LogPage, LogQuery,
        LookupError, PastEvent, SaveError, Snapshot, Snapshots, StoreError, Turns, UnitOfWork,
        check_reason,
    },
};

impl UnitOfWork for MemoryEventStore {
    type Transaction = MemoryTransaction;

    async fn begin(&self) -> Result<MemoryTransaction, StoreError> {
        Ok(MemoryTransaction::begin(self.clone()))
    }

    async fn commit(&self, transaction: MemoryTransaction) -> Result<(), CommitError> {
        let store = transaction.store.clone();
        let mut state = store.state();
        transaction.check_guards(&state)?;
        let appends = !transaction.events.is_empty();
        transaction.apply(&mut state);
        drop(state);
        if appends {
            store.0.appended.notify_waiters();
        }
        Ok(())
    }

    async fn rollback(&self, _: MemoryTransaction) -> Result<(), StoreError> {
        Ok(())
    }
}

impl EventStore for MemoryEventStore {
    fn turns(&self) -> Turns {
        self.0.turns.clone()
    }

    fn size_limits(&self) -> Limits {
        self.state().limits
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after: Version,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        Ok(self.state().history(stream, after).cloned().collect())
    }

    async fn replay_all(&self, streams: &[StreamId]) -> Result<Vec<Vec<PastEvent>>, StoreError> {
        let state = self.state();
        let history = |stream| {
            let events = state.history(stream, Version::EMPTY).cloned();
            events.map(PastEvent::from).collect()
        };
        Ok(streams.iter().map(history).collect())
    }

    async fn append_all(&self, appends: Appends) -> Result<Vec<Appended>, AppendError> {
        appends.check(self.size_limits())?;
        let mut transaction = MemoryTransaction::begin(self.clone());
        let mut state = self.state();
        let mut appended = transaction.stage_all(&state, appends)?;
        transaction.apply(&mut state);
        appended.iter_mut().for_each(|one| state.locate(one));
        drop(state);
        self.0.appended.notify_waiters();
        Ok(appended)
    }

    async fn appended_under(
        &self,
        idempotency: &Idempotency,
    ) -> Result<Option<Vec<Appended>>, LookupError> {
        Ok(self.state().keys.get(idempotency)?)
    }

    async fn read_streams_in(
        &self,
        transaction: &mut MemoryTransaction,
        streams: &[StreamId],
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let mut events = Vec::new();
        for stream in streams {
            let committed = transaction
                .store
                .read_stream(stream, Version::EMPTY)
                .await?;
            let read = Version::new(committed.len() as u64);
            transaction
                .guards
                .entry(stream.clone())
                .or_insert((crate::model::ExpectedVersion::Exact(read), read));
            events.extend(committed);
            events.extend(
                transaction
                    .events
                    .iter()
                    .filter(|event| event.stream == *stream)
                    .cloned(),
            );
        }
        Ok(events)
    }

    async fn append_in(
        &self,
        transaction: &mut MemoryTransaction,
        appends: Appends,
    ) -> Result<Vec<Appended>, AppendError> {
        appends.check(self.size_limits())?;
        let store = transaction.store.clone();
        transaction.stage_all(&store.state(), appends)
    }

    async fn read_log(&self, query: LogQuery<'_>) -> Result<LogPage, StoreError> {
        let state = self.state();
        let skip = usize::try_from(query.after.get()).unwrap_or(usize::MAX);
        let before = skip.checked_sub(1).and_then(|index| state.log.get(index));
        let mut page = LogPage::default().follows(before.map(|event| event.id));
        let mut bytes = 0;
        for event in state.log.iter().skip(skip) {
            let is_beyond = query.upto.is_some_and(|upto| event.position > upto);
            if is_beyond || page.events.len() == query.limit {
                break;
            }
            if bytes >= query.bytes && !page.events.is_empty() {
                return Ok(page.cut());
            }
            page.upto = Some(Checkpoint::after(event.position, event.id));
            let wanted = |read: &crate::model::EventFilter| {
                read.matches(event.stream.category().as_str(), &event.event_type)
            };
            if (query.reads.is_empty() || query.reads.iter().any(wanted))
                && query.slices.contains(event.stream.slice())
            {
                bytes += event.payload.len();
                page.events.push(event.clone());
            }
        }
        Ok(page)
    }

    async fn high_water_mark(&self) -> Result<Position, StoreError> {
        Ok(Position::new(self.state().log.len() as u64))
    }

    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>, StoreError> {
        let index = position
            .get()
            .checked_sub(1)
            .and_then(|index| usize::try_from(index).ok());
        Ok(index.and_then(|index| self.state().log.get(index).map(|event| event.id)))
    }

    async fn identity(&self) -> Result<LogIdentity, StoreError> {
        Ok(self.state().identity().clone())
    }

    async fn renew_id(&self, after: Position, reason: &str) -> Result<LogIdentity, StoreError> {
        check_reason(reason)?;
        let mut state = self.state();
        let identity = state.identity();
        *identity = identity.clone().renewed(after, LogId::random());
        let renewed = identity.clone();
        let id = renewed.id_of(Position::new(after.get() + 1)).to_string();
        let operation = NewOperation::new("renew_log_id", reason);
        state.record(operation.with("after", after.get()).with("id", id));
        Ok(renewed)
    }

    async fn record_operation(
        &self,
        verb: &str,
        arguments: &[(&str, String)],
        reason: &str,
    ) -> Result<(), StoreError> {
        check_reason(reason)?;
        self.state().record(with(verb, arguments, reason));
        Ok(())
    }

    async fn record_outcome(
        &self,
        verb: &str,
        arguments: &[(&str, String)],
        reason: &str,
        outcome: &str,
    ) -> Result<(), StoreError> {
        let operation = with(verb, arguments, reason).ended(outcome);
        self.state().record(operation);
        Ok(())
    }

    async fn wait_for_append(&self, at_most: Duration) {
        // The caller reads the log in both cases: after a wake-up and after the timeout.
        let _ = tokio::time::timeout(at_most, self.0.appended.notified()).await;
    }
}

impl Snapshots for MemoryEventStore {
    async fn save_snapshot(&self, snapshot: Snapshot) -> Result<(), StoreError> {
        let stream = snapshot.stream.clone();
        self.state().snapshots.insert(stream, snapshot);
        Ok(())
    }

    async fn replay_from_snapshot(
        &self,
        stream: &StreamId,
        fingerprint: u64,
    ) -> Result<(Option<Snapshot>, Vec<PastEvent>), StoreError> {
        let snapshot = self.state().snapshots.get(stream).cloned();
        let snapshot = snapshot.filter(|snapshot| snapshot.fingerprint == fingerprint);
        let after = snapshot
            .as_ref()
            .map_or(0, |snapshot| snapshot.version.get().saturating_sub(1));
        let events = self.replay(stream, Version::new(after)).await?;
        Ok((snapshot, events))
    }
}

impl Checkpoints for MemoryEventStore {
    async fn claim(
        &self,
        subscription: &str,
        partition: &PartitionId,
        member: Option<MemberId>,
    ) -> Result<Option<Claim>, StoreError> {
        let mut state = self.state();
        let is_free =
            member.is_some_and(|member| !state.has_lease(subscription, partition, member));
        let subscribed = (subscription.to_owned(), partition.clone());
        let claim = match partition {
            PartitionId::Topic { .. } => Some(
                state
                    .checkpoints
                    .entry(subscribed)
                    .or_insert(Claim::new(0, None)),
            ),
            PartitionId::Log(_) if is_free => None,
            PartitionId::Log(_) => state.checkpoints.get_mut(&subscribed),
        };
        Ok(claim.map(|claim| {
            claim.epoch += 1;
            claim.clone()
        }))
    }

    async fn advance_in(
        &self,
        transaction: &mut MemoryTransaction,
        subscription: &str,
        partition: &PartitionId,
        epoch: u64,
        from: Option<Checkpoint>,
        to: Checkpoint,
    ) -> Result<(), AdvanceError> {
        let subscribed = (subscription.to_owned(), partition.clone());
        let state = transaction.store.state();
        transaction
            .subscriptions
            .advance(&state, subscribed, epoch, from, to)?;
        Ok(())
    }

    async fn checkpoint(
        &self,
        subscription: &str,
        partition: &PartitionId,
    ) -> Result<Option<Checkpoint>, StoreError> {
        let state = self.state();
        let subscribed = (subscription.to_owned(), partition.clone());
        Ok(match partition {
            PartitionId::Log(slices) => state.lowest_place(subscription, *slices),
            PartitionId::Topic { .. } => state.checkpoints.get(&subscribed).and_then(|c| c.at),
        })
    }

    async fn standing(
        &self,
        subscription: &str,
        partition: &PartitionId,
    ) -> Result<Option<Standing>, StoreError> {
        let subscribed = (subscription.to_owned(), partition.clone());
        let state = self.state();
        let claim = state.checkpoints.get(&subscribed);
        Ok(claim.map(|claim| Standing::new(claim.at, claim.requested)))
    }

    async fn read_again_in(
        &self,
        transaction: &mut MemoryTransaction,
        subscription: &str,
        partition: &PartitionId,
        epoch: u64,
        selection: &Selection,
        reason: &str,
    ) -> Result<(), AdvanceError> {
        check_reason(reason)?;
        let subscribed = (subscription.to_owned(), partition.clone());
        let state = transaction.store.state();
        let staged = &mut transaction.subscriptions;
        staged.read_again(&state, subscribed, epoch, selection.clone())?;
        let operation = NewOperation::on(subscription, "handle_passed_over", reason);
        let operation = operation.with("partition", partition.to_string());
        transaction.operations.push(operation);
        Ok(())
    }

    async fn selection(
        &self,
        subscription: &str,
        partition: &PartitionId,
    ) -> Result<Option<Selection>, StoreError> {
        let subscribed = (subscription.to_owned(), partition.clone());
        Ok(self.state().selections.get(&subscribed).cloned())
    }

    async fn select_in(
        &self,
        transaction: &mut MemoryTransaction,
        subscription: &str,
        partition: &PartitionId,
        epoch: u64,
        selection: &Selection,
        reason: Option<&str>,
    ) -> Result<(), AdvanceError> {
        reason.map_or(Ok(()), check_reason)?;
        let subscribed = (subscription.to_owned(), partition.clone());
        let state = transaction.store.state();
        let selected =
            transaction
                .subscriptions
                .select(&state, subscribed, epoch, selection.clone());
        selected?;
        let accepted = reason.map(|reason| {
            NewOperation::on(subscription, "accept_selection", reason)
                .with("partition", partition.to_string())
        });
        transaction.operations.extend(accepted);
        Ok(())
    }

    async fn move_in(
        &self,
        transaction: &mut MemoryTransaction,
        subscription: &str,
        partition: &PartitionId,
        epoch: u64,
        from: Option<Checkpoint>,
        to: Checkpoint,
        reason: &str,
    ) -> Result<(), AdvanceError> {
        check_reason(reason)?;
        self.advance_in(transaction, subscription, partition, epoch, from, to)
            .await?;
        let operation = NewOperation::on(subscription, "continue_after", reason)
            .with("partition", partition.to_string())
            .with("to", to.offset.to_string());
        transaction.operations.push(operation);
        Ok(())
    }

    async fn reset_in(
        &self,
        transaction: &mut MemoryTransaction,
        subscription: &str,
        reason: &str,
    ) -> Result<(), StoreError> {
        check_reason(reason)?;
        let operation = NewOperation::on(subscription, "reset", reason);
        transaction.operations.push(operation);
        transaction.subscriptions.reset(subscription);
        transaction.parking.reset(subscription);
        Ok(())
    }
}

impl Inbox for MemoryEventStore {
    async fn received(
        &self,
        subscription: &str,
        partition: &PartitionId,
    ) -> Result<Vec<(Lane, Position)>, StoreError> {
        let inbox = (subscription.to_owned(), partition.inbox_key());
        let received = self.state().inbox.get(&inbox).cloned().unwrap_or_default();
        Ok(received.into_iter().collect())
    }

    async fn rewind_in(
        &self,
        transaction: &mut MemoryTransaction,
        subscription: &str,
        reason: &str,
    ) -> Result<(), StoreError> {
        check_reason(reason)?;
        transaction.subscriptions.rewind(subscription);
        let operation = NewOperation::on(subscription, "rewind", reason);
        transaction.operations.push(operation);
        Ok(())
    }

    async fn receive_in(
        &self,
        transaction: &mut MemoryTransaction,
        subscription: &str,
        partition: &PartitionId,
        received: &[(Lane, Position)],
    ) -> Result<(), StoreError> {
        let inbox = (subscription.to_owned(), partition.inbox_key());
        transaction.subscriptions.receive(inbox, received);
        Ok(())
    }
}

impl Discards for MemoryEventStore {
    async fn discard_in(
        &self,
        transaction: &mut MemoryTransaction,
        discarded: &Discarded,
    ) -> Result<(), StoreError> {
        check_reason(&discarded.reason)?;
        transaction.discarded.push(discarded.clone());
        let operation = NewOperation::discard(discarded);
        transaction.operations.push(operation);
        Ok(())
    }

    async fn discarded(&self, subscription: &str) -> Result<Vec<Discarded>, StoreError> {
        let state = self.state();
        let of_it = state.discarded.iter();
        let of_it = of_it.filter(|discarded| discarded.subscription == subscription);
        Ok(of_it.cloned().collect())
    }
}

impl Documents for MemoryEventStore {
    async fn prepare_view(&self, _: &str) -> Result<(), StoreError> {
        Ok(())
    }

    async fn load_in(
        &self,
        transaction: &mut MemoryTransaction,
        view: &str,
        keys: &[String],
    ) -> Result<HashMap<String, Document>, StoreError> {
        keys.iter()
            .try_for_each(|key| DocumentWrite::check_key(view, key))?;
        let state = transaction.store.state();
        let found = keys.iter().filter_map(|key| {
            let document = transaction
                .documents
                .get(&state, &(view.to_owned(), key.clone()))?;
            Some((key.clone(), document.clone()))
        });
        Ok(found.collect())
    }

    async fn save_in(
        &self,
        transaction: &mut MemoryTransaction,
        view: &str,
        writes: &[DocumentWrite],
    ) -> Result<(), SaveError> {
        writes.iter().try_for_each(|write| write.check(view))?;
        let mut state = transaction.store.state();
        for write in writes {
            transaction.documents.save(&mut state, view, write)?;
        }
        Ok(())
    }

    async fn clear_in(
        &self,
        transaction: &mut MemoryTransaction,
        view: &str,
    ) -> Result<(), StoreError> {
        transaction.documents.clear(view);
        Ok(())
    }

    async fn document(&self, view: &str, key: &str) -> Result<Option<Document>, StoreError> {
        let stored = self
            .state()
            .documents
            .get(&(view.to_owned(), key.to_owned()))
            .cloned();
        Ok(stored)
    }

    async fn documents(
        &self,
        view: &str,
        keys: &KeyRange,
        limit: usize,
    ) -> Result<Vec<(String, Document)>, StoreError> {
        let start = (view.to_owned(), keys.start().to_owned());
        let state = self.state();
        let documents = state
            .documents
            .range(start..)
            .take_while(|((of, key), _)| {
                of == view && keys.end().is_none_or(|end| key.as_str() < end)
            })
            .filter(|((_, key), _)| keys.contains(key));
        Ok(documents
            .take(limit)
            .map(|((_, key), stored)| (key.clone(), stored.clone()))
            .collect())
    }
}

fn with(verb: &str, arguments: &[(&str, String)], reason: &str) -> NewOperation {
    let operation = NewOperation::new(verb, reason);
    let with = |operation: NewOperation, (name, argument): &(&str, String)| {
        operation.with(name, argument.as_str())
    };
    arguments.iter().fold(operation, with)
}
