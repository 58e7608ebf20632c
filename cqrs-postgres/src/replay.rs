//! Replays of streams: one alone is read at once, several at once share a statement.

mod past;
mod reader;
mod several;
mod snapshots;

use std::sync::Arc;

use cqrs_core::{StoreError, StoreErrorKind, StreamId, Version, ports::PastEvent};
use futures::TryStreamExt;
use sqlx::PgConnection;
use tokio::sync::oneshot;

use self::{past::Past, reader::Job};
pub(crate) use self::{
    several::replay_all,
    snapshots::{replay_from_snapshot, save_snapshot},
};
use crate::{
    append::Writing,
    connection::within,
    error::statement,
    log_identity::LogIdentity,
    row::{Types, signed},
    together::{Crowd, Desk},
};

/// The replays of one process.
#[derive(Debug, Default)]
pub(crate) struct Replayer {
    crowd: Arc<Crowd>,
    reader: Desk<Job>,
}

impl Replayer {
    /// Ends when what was asked for is done.
    pub(crate) async fn close(&self) {
        self.reader.close().await;
    }

    /// The events of a stream behind `after`.
    pub(crate) async fn replay(
        &self,
        writing: &Arc<Writing>,
        stream: &StreamId,
        after: Version,
    ) -> Result<Vec<PastEvent>, StoreError> {
        let joined = self.crowd.join();
        if joined.alone {
            // Boxed, so that whoever goes with others does not carry the room for this.
            return Box::pin(read(writing, stream, after)).await;
        }
        let (answer, found) = oneshot::channel();
        let job = Job {
            stream: stream.clone(),
            after,
            answer,
        };
        let start = |jobs| {
            tokio::spawn(reader::run(
                Arc::clone(writing),
                Arc::clone(&self.crowd),
                jobs,
            ))
        };
        self.reader.send(job, start).await?;
        let mut found = found.await.map_err(|_| reader_gone())??;
        if !found.whole {
            let last = found.events.last().map_or(after, |past| past.version);
            let rest = Box::pin(read(writing, stream, last)).await?;
            found.events.extend(rest);
        }
        Ok(found.events)
    }
}

async fn read(
    writing: &Writing,
    stream: &StreamId,
    after: Version,
) -> Result<Vec<PastEvent>, StoreError> {
    let mut connection = writing.lines.quick.free().await?;
    let asked = ask(writing, &mut connection, stream, after);
    let past = within(writing.statement_limit(), asked).await;
    let past = connection.note(past).map_err(statement)?;
    let events = past.into_events(stream, after)?;
    remember(writing, connection.log(), stream, &events);
    Ok(events)
}

/// Remembers the last event of a stream that was read to its end.
fn remember(writing: &Writing, log: &LogIdentity, stream: &StreamId, events: &[PastEvent]) {
    let last_event = events.last().map(|last| (stream, last.version, last.id));
    writing.seen.remember(log, last_event);
}

async fn ask(
    writing: &Writing,
    connection: &mut PgConnection,
    stream: &StreamId,
    after: Version,
) -> Result<Past, sqlx::Error> {
    let mut rows = sqlx::query(writing.statements.replay.sql())
        .bind(stream.category().as_str())
        .bind(stream.id())
        .bind(signed(after.get()))
        .fetch(connection);
    let (mut past, mut types) = (Past::default(), Types::default());
    while let Some(row) = rows.try_next().await? {
        past.push(&row, &mut types)?;
    }
    Ok(past)
}

fn reader_gone() -> StoreError {
    let message = "the reader stopped before it answered; is the runtime shutting down?";
    StoreError::new(StoreErrorKind::Unavailable, message)
}
