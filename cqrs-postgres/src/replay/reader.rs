//! The reader: one task with one connection, which reads the requested streams in batches.

use std::sync::Arc;

use cqrs_core::{StoreError, StreamId, Version, ports::PastEvent};
use sqlx::Error;
use tokio::sync::{mpsc, oneshot};

use super::{past::Past, several};
use crate::{backend::Backend, connection::within, error::statement, in_flight::InFlight};

/// How many streams one statement reads at most.
const STREAMS: usize = 128;

/// How many events of each stream one statement reads, so that no caller waits for the end of another one's long stream.
const EVENTS: usize = 100;

/// How often the reader yields to other tasks before it sends a statement, if the last one read several streams: their callers
/// come back together.
const GATHER_YIELDS: usize = 4;

/// A requested stream.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) stream: StreamId,
    pub(super) after: Version,
    pub(super) answer: oneshot::Sender<Result<Found, StoreError>>,
}

/// The first events of a stream.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) events: Vec<PastEvent>,
    /// There were no more.
    pub(super) whole: bool,
}

/// Reads until every sender is gone.
pub(super) async fn run(
    backend: Arc<Backend>,
    in_flight: Arc<InFlight>,
    mut jobs: mpsc::Receiver<Job>,
) {
    while let Some(first) = jobs.recv().await {
        let batch = gather(first, &mut jobs, in_flight.last_batch()).await;
        in_flight.note_batch(batch.len());
        match read(&backend, &batch).await {
            Ok(found) => answer(batch, found),
            Err(error) => fail(batch, &error),
        }
    }
}

async fn gather(first: Job, jobs: &mut mpsc::Receiver<Job>, expected: usize) -> Vec<Job> {
    let mut batch = vec![first];
    for yields in 0..=GATHER_YIELDS {
        while batch.len() < STREAMS
            && let Ok(job) = jobs.try_recv()
        {
            batch.push(job);
        }
        if batch.len() >= expected || yields == GATHER_YIELDS {
            break;
        }
        tokio::task::yield_now().await;
    }
    // Nobody waits for these any more.
    batch.retain(|job| !job.answer.is_closed());
    batch
}

async fn read(
    backend: &Backend,
    batch: &[Job],
) -> Result<Vec<Result<Found, StoreError>>, StoreError> {
    let mut connection = backend.pools.reader.get().await?;
    let streams: Vec<_> = batch.iter().map(|job| (&job.stream, job.after)).collect();
    let sent = several::send(backend, &mut connection, &streams, EVENTS);
    let past = within(backend.statement_limit(), sent).await;
    let past = connection.note(past).map_err(statement)?;
    let found = |(job, past): (&Job, Result<Past, Error>)| {
        let past = past.map_err(statement)?;
        let whole = past.len() < EVENTS;
        let events = past.into_events(&job.stream, job.after)?;
        Ok(Found { events, whole })
    };
    Ok(batch.iter().zip(past).map(found).collect())
}

fn answer(batch: Vec<Job>, found: Vec<Result<Found, StoreError>>) {
    for (job, found) in batch.into_iter().zip(found) {
        // The caller may be gone.
        drop(job.answer.send(found));
    }
}

fn fail(batch: Vec<Job>, error: &StoreError) {
    for job in batch {
        drop(job.answer.send(Err(error.clone())));
    }
}
