//! Replays of streams: one that is alone is read at once, several share a statement.

mod buffer;
mod reader;
mod several;
mod snapshots;

use std::sync::Arc;

use cqrs_core::{StoreError, StoreErrorKind, StreamId, Version, ports::PastEvent};
use futures::TryStreamExt;
use sqlx::PgConnection;
use tokio::sync::oneshot;

use self::{buffer::ReplayBuffer, reader::ReplayJob};
pub(crate) use self::{
    several::replay_all,
    snapshots::{replay_from_snapshot, save_snapshot},
};
use crate::{
    batching::{in_flight::InFlight, lazy_task::LazyTask},
    connect::backend::Backend,
    error::statement,
    row::{Types, signed},
    time_limit::within,
};

/// The replays of one process.
#[derive(Debug)]
pub(crate) struct Replayer {
    backend: Arc<Backend>,
    in_flight: Arc<InFlight>,
    reader: LazyTask<ReplayJob>,
}

impl Replayer {
    pub(crate) fn new(backend: Arc<Backend>) -> Self {
        Self {
            backend,
            in_flight: Arc::default(),
            reader: LazyTask::default(),
        }
    }

    /// Waits until the reader has done every job of its queue.
    pub(crate) async fn close(&self) {
        self.reader.close().await;
    }

    /// The events of a stream after a version.
    pub(crate) async fn replay(
        &self,
        stream: &StreamId,
        after: Version,
    ) -> Result<Vec<PastEvent>, StoreError> {
        let entered = self.in_flight.enter();
        if entered.alone {
            // Boxed, so that a replay in a batch has a small future.
            return Box::pin(read(&self.backend, stream, after)).await;
        }
        let (answer, first) = oneshot::channel();
        let job = ReplayJob {
            stream: stream.clone(),
            after,
            answer,
        };
        self.reader
            .send(job, |jobs| self.start_reader(jobs))
            .await?;
        let mut first = first.await.map_err(|_| reader_gone())??;
        if !first.whole {
            let last = first.events.last().map_or(after, |past| past.version);
            let rest = Box::pin(read(&self.backend, stream, last)).await?;
            first.events.extend(rest);
        }
        Ok(first.events)
    }

    fn start_reader(
        &self,
        jobs: tokio::sync::mpsc::Receiver<ReplayJob>,
    ) -> tokio::task::JoinHandle<()> {
        let backend = Arc::clone(&self.backend);
        let in_flight = Arc::clone(&self.in_flight);
        tokio::spawn(reader::run(backend, in_flight, jobs))
    }
}

async fn read(
    backend: &Backend,
    stream: &StreamId,
    after: Version,
) -> Result<Vec<PastEvent>, StoreError> {
    let mut connection = backend.pools.quick.get().await?;
    let sent = send(backend, &mut connection, stream, after);
    let buffer = within(backend.answer_limit(), sent).await;
    let buffer = connection.note(buffer).map_err(statement)?;
    buffer.into_events(stream, after)
}

async fn send(
    backend: &Backend,
    connection: &mut PgConnection,
    stream: &StreamId,
    after: Version,
) -> Result<ReplayBuffer, sqlx::Error> {
    let mut rows = sqlx::query(backend.statements.replay.sql())
        .bind(stream.category().as_str())
        .bind(stream.id())
        .bind(signed(after.get()))
        .fetch(connection);
    let mut buffer = ReplayBuffer::default();
    let mut types = Types::default();
    while let Some(row) = rows.try_next().await? {
        buffer.push(&row, &mut types)?;
    }
    Ok(buffer)
}

fn reader_gone() -> StoreError {
    let message = "the reader stopped before it answered; is the runtime shutting down?";
    StoreError::new(StoreErrorKind::Unavailable, message)
}
