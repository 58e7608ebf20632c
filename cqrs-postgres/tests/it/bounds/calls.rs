//! All calls of a store.

use bytes::Bytes;
use cqrs_core::{
    EventId, EventStore, IdempotencyKey, Position, StoreError, StoreErrorKind, Version,
    model::{Idempotency, KeyRange, PartitionId, Slices},
    ports::{
        Appends, Checkpoints, CommitError, DocumentWrite, Documents, Inbox, LogQuery, Snapshot,
        Snapshots, UnitOfWork,
    },
};
use cqrs_postgres::PgEventStore;

use crate::support::{append, kind, outcomes, start, stream, until};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Append,
    AppendsTogether,
    AppendUnderKey,
    AppendedUnder,
    Begin,
    AppendIn,
    ReadStreamsIn,
    LoadIn,
    SaveIn,
    Commit,
    Rollback,
    /// A transaction that is begun and dropped.
    Drop,
    ReadStream,
    Replay,
    ReplaysTogether,
    ReplayFromSnapshot,
    SaveSnapshot,
    ReadLog,
    HighWaterMark,
    Identity,
    EventIdAt,
    FenceHolders,
    Claim,
    Checkpoint,
    Received,
    PrepareView,
    Document,
    Documents,
}

pub(crate) const CALLS: [Call; 28] = [
    Call::Append,
    Call::AppendsTogether,
    Call::AppendUnderKey,
    Call::AppendedUnder,
    Call::Begin,
    Call::AppendIn,
    Call::ReadStreamsIn,
    Call::LoadIn,
    Call::SaveIn,
    Call::Commit,
    Call::Rollback,
    Call::Drop,
    Call::ReadStream,
    Call::Replay,
    Call::ReplaysTogether,
    Call::ReplayFromSnapshot,
    Call::SaveSnapshot,
    Call::ReadLog,
    Call::HighWaterMark,
    Call::Identity,
    Call::EventIdAt,
    Call::FenceHolders,
    Call::Claim,
    Call::Checkpoint,
    Call::Received,
    Call::PrepareView,
    Call::Document,
    Call::Documents,
];

const VIEW: &str = "accounts";

impl Call {
    /// The expected error kind when its reply is lost. For a commit it is an unknown outcome.
    pub(crate) fn unanswered(self) -> StoreErrorKind {
        match self {
            Self::Append
            | Self::AppendsTogether
            | Self::AppendUnderKey
            | Self::Commit
            | Self::SaveSnapshot
            | Self::Claim => StoreErrorKind::OutcomeUnknown,
            _ => StoreErrorKind::Unavailable,
        }
    }

    /// Makes the call. `before` runs after all preparations, right before the call.
    pub(crate) async fn make(
        self,
        store: &PgEventStore,
        before: impl Fn(),
    ) -> Result<(), StoreErrorKind> {
        match self {
            Self::Append | Self::AppendsTogether | Self::AppendUnderKey | Self::AppendedUnder => {
                self.append(store, before).await
            }
            Self::Begin
            | Self::AppendIn
            | Self::ReadStreamsIn
            | Self::LoadIn
            | Self::SaveIn
            | Self::Commit
            | Self::Rollback
            | Self::Drop => self.in_transaction(store, before).await,
            _ => {
                if matches!(self, Self::Document | Self::Documents) {
                    store.prepare_view(VIEW).await.map_err(|e| e.kind())?;
                }
                settle(store).await;
                before();
                self.ask(store).await.map_err(|error| error.kind())
            }
        }
    }

    async fn append(self, store: &PgEventStore, before: impl Fn()) -> Result<(), StoreErrorKind> {
        let id = format!("{self:?}");
        let several = |count| (0..count).map(|n| append(&format!("{id} {n}"), 1));
        let key = Idempotency::new(
            IdempotencyKey::new(EventId::random().to_string()).expect("valid"),
            1,
        );
        match self {
            Self::AppendsTogether => {
                // Opens the writer's connection.
                for outcome in outcomes(start(store, several(3))).await {
                    outcome.map_err(kind_of)?;
                }
                before();
                let mut together = outcomes(start(store, several(4))).await;
                let first = together.pop().expect("four").map(drop).map_err(kind_of);
                for outcome in together {
                    assert_eq!(kind(&outcome), first.err(), "of one batch");
                }
                first
            }
            Self::AppendUnderKey => {
                before();
                let appends = Appends::from(append(&id, 1)).once(key);
                store.append_all(appends).await.map(drop).map_err(kind_of)
            }
            Self::AppendedUnder => {
                before();
                let asked = store.appended_under(&key).await;
                asked.map(drop).map_err(kind_of)
            }
            _ => {
                store.append(append(&id, 1)).await.map_err(kind_of)?;
                before();
                store
                    .append(append(&id, 1))
                    .await
                    .map(drop)
                    .map_err(kind_of)
            }
        }
    }

    async fn in_transaction(
        self,
        store: &PgEventStore,
        before: impl Fn(),
    ) -> Result<(), StoreErrorKind> {
        let id = format!("{self:?}");
        store.prepare_view(VIEW).await.map_err(|e| e.kind())?;
        settle(store).await;
        if self == Self::Begin {
            before();
        }
        let mut transaction = store.begin().await.map_err(|e| e.kind())?;
        if self != Self::Begin {
            before();
        }
        let transaction_ = &mut transaction;
        match self {
            Self::AppendIn => {
                let appended = store.append_in(transaction_, append(&id, 1).into()).await;
                appended.map_err(kind_of)?;
            }
            Self::ReadStreamsIn => {
                let streams = [stream(&id)];
                let read = store.read_streams_in(transaction_, &streams).await;
                read.map_err(|e| e.kind())?;
            }
            Self::LoadIn => {
                let loaded = store.load_in(transaction_, VIEW, &[id]).await;
                loaded.map_err(|e| e.kind())?;
            }
            Self::SaveIn => {
                let write =
                    DocumentWrite::new(EventId::random().to_string(), 0, Some(b"{}".to_vec()));
                let saved = store.save_in(transaction_, VIEW, &[write]).await;
                saved.map_err(kind_of)?;
            }
            Self::Commit => return store.commit(transaction).await.map_err(kind_of),
            Self::Drop => return Ok(()),
            _ => {}
        }
        store.rollback(transaction).await.map_err(|e| e.kind())
    }

    async fn ask(self, store: &PgEventStore) -> Result<(), StoreError> {
        let (stream, log) = (stream(&format!("{self:?}")), PartitionId::Log(Slices::ALL));
        let query = LogQuery::new(Position::START, 10);
        match self {
            Self::ReadStream => drop(store.read_stream(&stream, Version::EMPTY).await?),
            Self::Replay => drop(store.replay(&stream, Version::EMPTY).await?),
            Self::ReplaysTogether => {
                let replay = || store.replay(&stream, Version::EMPTY);
                let (alone, one, two) = tokio::join!(replay(), replay(), replay());
                drop((alone?, one?, two?));
            }
            Self::ReplayFromSnapshot => drop(store.replay_from_snapshot(&stream, 1).await?),
            Self::SaveSnapshot => store.save_snapshot(snapshot(stream)).await?,
            Self::ReadLog => drop(store.read_log(query).await?),
            Self::HighWaterMark => drop(store.high_water_mark().await?),
            Self::Identity => drop(store.identity().await?),
            Self::EventIdAt => drop(store.event_id_at(Position::new(1)).await?),
            Self::FenceHolders => drop(store.fence_holders().await?),
            Self::Claim => drop(store.claim("bounds", &log, None).await?),
            Self::Checkpoint => drop(store.checkpoint("bounds", &log).await?),
            Self::Received => drop(store.received("bounds", &log).await?),
            Self::Document => drop(store.document(VIEW, "a").await?),
            Self::Documents => drop(store.documents(VIEW, &KeyRange::all(), 10).await?),
            _ => store.prepare_view(VIEW).await?,
        }
        Ok(())
    }
}

/// Waits until the connection that was used last is available again.
async fn settle(store: &PgEventStore) {
    let pool = store.pool();
    until("it is back", async || {
        pool.num_idle() == pool.size() as usize
    })
    .await;
}

fn snapshot(stream: cqrs_core::StreamId) -> Snapshot {
    Snapshot::new(
        stream,
        Version::new(1),
        EventId::random(),
        1,
        1,
        Bytes::from_static(b"{}"),
    )
}

fn kind_of(error: impl Into<CommitError>) -> StoreErrorKind {
    match error.into() {
        CommitError::Store(error) => error.kind(),
        error => panic!("{error}"),
    }
}
