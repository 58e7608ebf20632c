//! The reader: one task with one connection, which reads the requested streams in batches.

use std::sync::Arc;

use cqrs_core::{StoreError, StreamId, Version, ports::PastEvent};
use sqlx::Error;
use tokio::sync::{mpsc, oneshot};

use super::{buffer::ReplayBuffer, several};
use crate::{
    batching::in_flight::InFlight, connect::backend::Backend, error::statement, time_limit::within,
};

/// How many streams one statement reads at most.
const STREAMS: usize = 128;

/// How many events of each stream one statement reads, so that no caller waits for the end of another one's long stream.
const EVENTS: usize = 100;

/// How often the reader yields to other tasks before it sends a statement, if the last one read several streams: their callers
/// come back together.
const GATHER_YIELDS: usize = 4;

/// A requested stream.
#[derive(Debug)]
pub(super) struct ReplayJob {
    pub(super) stream: StreamId,
    pub(super) after: Version,
    pub(super) answer: oneshot::Sender<Result<FirstEvents, StoreError>>,
}

/// The first events of a stream.
#[derive(Debug)]
pub(super) struct FirstEvents {
    pub(super) events: Vec<PastEvent>,
    /// There were no more.
    pub(super) whole: bool,
}

/// Reads until every sender is gone.
pub(super) async fn run(
    backend: Arc<Backend>,
    in_flight: Arc<InFlight>,
    mut jobs: mpsc::Receiver<ReplayJob>,
) {
    while let Some(first) = jobs.recv().await {
        let batch = gather(first, &mut jobs, in_flight.last_batch()).await;
        in_flight.note_batch(batch.len());
        match read(&backend, &batch).await {
            Ok(first_events) => answer(batch, first_events),
            Err(error) => fail(batch, &error),
        }
    }
}

async fn gather(
    first: ReplayJob,
    jobs: &mut mpsc::Receiver<ReplayJob>,
    expected: usize,
) -> Vec<ReplayJob> {
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
    batch: &[ReplayJob],
) -> Result<Vec<Result<FirstEvents, StoreError>>, StoreError> {
    let mut connection = backend.pools.reader.get().await?;
    let streams: Vec<_> = batch.iter().map(|job| (&job.stream, job.after)).collect();
    let sent = several::send(backend, &mut connection, &streams, EVENTS);
    let buffers = within(backend.answer_limit(), sent).await;
    let buffers = connection.note(buffers).map_err(statement)?;
    let first_events = |(job, buffer): (&ReplayJob, Result<ReplayBuffer, Error>)| {
        let buffer = buffer.map_err(statement)?;
        let whole = buffer.len() < EVENTS;
        let events = buffer.into_events(&job.stream, job.after)?;
        Ok(FirstEvents { events, whole })
    };
    Ok(batch.iter().zip(buffers).map(first_events).collect())
}

fn answer(batch: Vec<ReplayJob>, first_events: Vec<Result<FirstEvents, StoreError>>) {
    for (job, first_events) in batch.into_iter().zip(first_events) {
        // The caller may be gone.
        drop(job.answer.send(first_events));
    }
}

fn fail(batch: Vec<ReplayJob>, error: &StoreError) {
    for job in batch {
        drop(job.answer.send(Err(error.clone())));
    }
}
