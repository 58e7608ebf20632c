//! The ports. The calls of a repository follow the script; other calls go straight to the log.

use std::time::Duration;

use super::Scripted;
use crate::{
    memory::MemoryTransaction,
    model::{EventId, Idempotency, LogIdentity, Position, RecordedEvent, StreamId, Version},
    ports::{
        AppendError, Appended, Appends, CommitError, EventStore, LogPage, LogQuery, LookupError,
        PastEvent, Snapshot, Snapshots, StoreError, StoreErrorKind, Turns, UnitOfWork,
    },
};

impl UnitOfWork for Scripted {
    type Transaction = MemoryTransaction;

    async fn begin(&self) -> Result<MemoryTransaction, StoreError> {
        self.log().begin().await
    }

    async fn commit(&self, transaction: MemoryTransaction) -> Result<(), CommitError> {
        self.log().commit(transaction).await
    }

    async fn rollback(&self, transaction: MemoryTransaction) -> Result<(), StoreError> {
        self.log().rollback(transaction).await
    }
}

impl EventStore for Scripted {
    fn turns(&self) -> Turns {
        self.script().turns.clone().unwrap_or_default()
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after: Version,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        self.log().read_stream(stream, after).await
    }

    async fn replay(
        &self,
        stream: &StreamId,
        after: Version,
    ) -> Result<Vec<PastEvent>, StoreError> {
        self.script().replayed_after = after;
        let replay = async { Ok(self.log().replay(stream, after).await?) };
        unwritten(self.read("replay", replay).await)
    }

    async fn replay_all(&self, streams: &[StreamId]) -> Result<Vec<Vec<PastEvent>>, StoreError> {
        let replay = async { Ok(self.log().replay_all(streams).await?) };
        unwritten(self.read("replay_all", replay).await)
    }

    async fn append_all(&self, appends: Appends) -> Result<Vec<Appended>, AppendError> {
        let append = async { self.log().append_all(appends).await };
        self.call("append", append).await
    }

    async fn appended_under(
        &self,
        idempotency: &Idempotency,
    ) -> Result<Option<Vec<Appended>>, LookupError> {
        let looked = async { self.log().appended_under(idempotency).await };
        self.read("appended_under", looked).await
    }

    async fn read_streams_in(
        &self,
        transaction: &mut MemoryTransaction,
        streams: &[StreamId],
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        self.log().read_streams_in(transaction, streams).await
    }

    async fn append_in(
        &self,
        transaction: &mut MemoryTransaction,
        appends: Appends,
    ) -> Result<Vec<Appended>, AppendError> {
        self.log().append_in(transaction, appends).await
    }

    async fn read_log(&self, query: LogQuery<'_>) -> Result<LogPage, StoreError> {
        self.log().read_log(query).await
    }

    async fn high_water_mark(&self) -> Result<Position, StoreError> {
        self.log().high_water_mark().await
    }

    async fn identity(&self) -> Result<LogIdentity, StoreError> {
        self.log().identity().await
    }
    async fn renew_id(&self, after: Position, reason: &str) -> Result<LogIdentity, StoreError> {
        self.log().renew_id(after, reason).await
    }
    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>, StoreError> {
        self.log().event_id_at(position).await
    }

    async fn wait_for_append(&self, at_most: Duration) {
        self.log().wait_for_append(at_most).await;
    }
}

impl Snapshots for Scripted {
    async fn save_snapshot(&self, snapshot: Snapshot) -> Result<(), StoreError> {
        let stream = snapshot.stream.clone();
        self.put_snapshot(&stream, snapshot);
        Ok(())
    }

    async fn replay_from_snapshot(
        &self,
        stream: &StreamId,
        fingerprint: u64,
    ) -> Result<(Option<Snapshot>, Vec<PastEvent>), StoreError> {
        let replay = async {
            let saved = self.snapshot(stream);
            let saved = saved.filter(|saved| saved.fingerprint == fingerprint);
            let after = saved.as_ref().map_or(0, |saved| saved.version.get());
            let after = Version::new(after.saturating_sub(1));
            Ok((saved, self.log().replay(stream, after).await?))
        };
        unwritten(self.read("replay_from_snapshot", replay).await)
    }
}

/// The outcome of a call that writes nothing.
fn unwritten<T>(outcome: Result<T, LookupError>) -> Result<T, StoreError> {
    outcome.map_err(|error| match error {
        LookupError::Store(error) => error,
        other => StoreError::new(StoreErrorKind::Other, other.to_string()),
    })
}
