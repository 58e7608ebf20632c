//! The reader: one task with one connection of its own, which asks for the streams that wait together.

use std::sync::Arc;

use cqrs_core::{PastEvent, StoreError, StreamId, Version};
use sqlx::{Error, PgConnection, Row, postgres::PgRow};
use tokio::sync::{mpsc, oneshot};

use crate::{
    append::Writing,
    connection::within,
    error::{self, statement},
    row::{self, signed},
};

/// How many streams are asked for together at most.
const STREAMS: usize = 128;

/// How many events of each are read together: nobody waits for the end of a long stream but who asked for it.
const EVENTS: usize = 100;

/// How often the reader lets others go first before it asks, if several came together before.
const COURTESY: usize = 4;

/// A stream that somebody waits for.
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

/// Reads until nobody can ask any more.
pub(super) async fn run(writing: Arc<Writing>, mut jobs: mpsc::Receiver<Job>) {
    let mut together = 0;
    while let Some(first) = jobs.recv().await {
        let batch = gather(first, &mut jobs, together).await;
        together = batch.len();
        match read(&writing, &batch).await {
            Ok(found) => tell(batch, found),
            Err(error) => refuse(batch, &error),
        }
    }
}

async fn gather(first: Job, jobs: &mut mpsc::Receiver<Job>, expected: usize) -> Vec<Job> {
    let mut batch = vec![first];
    for courtesy in 0..=COURTESY {
        while batch.len() < STREAMS
            && let Ok(job) = jobs.try_recv()
        {
            batch.push(job);
        }
        if batch.len() >= expected || courtesy == COURTESY {
            break;
        }
        tokio::task::yield_now().await;
    }
    // Whoever does not wait any more need not be read for.
    batch.retain(|job| !job.answer.is_closed());
    batch
}

async fn read(
    writing: &Writing,
    batch: &[Job],
) -> Result<Vec<Result<Found, StoreError>>, StoreError> {
    let mut connection = writing.lines.of_reader.free().await?;
    let asked = rows(writing, &mut connection, batch);
    let rows = within(writing.statement_limit(), asked).await;
    Ok(split(batch, connection.note(rows).map_err(statement)?))
}

async fn rows(
    writing: &Writing,
    connection: &mut PgConnection,
    batch: &[Job],
) -> Result<Vec<PgRow>, Error> {
    let categories: Vec<_> = batch
        .iter()
        .map(|job| job.stream.category().as_str())
        .collect();
    let ids: Vec<_> = batch.iter().map(|job| job.stream.id()).collect();
    let after: Vec<_> = batch.iter().map(|job| signed(job.after.get())).collect();
    let limit = i64::try_from(EVENTS).unwrap_or(i64::MAX);
    sqlx::query(writing.statements.replay_many.sql())
        .bind(categories)
        .bind(ids)
        .bind(after)
        .bind(limit)
        .fetch_all(connection)
        .await
}

/// To each stream its own rows.
fn split(batch: &[Job], rows: Vec<PgRow>) -> Vec<Result<Found, StoreError>> {
    let mut of_stream: Vec<Vec<PgRow>> = batch.iter().map(|_| Vec::new()).collect();
    for row in rows {
        let number: i64 = row.try_get(5).unwrap_or_default();
        let index = usize::try_from(number - 1).unwrap_or(usize::MAX);
        if let Some(rows) = of_stream.get_mut(index) {
            rows.push(row);
        }
    }
    let found = |(job, rows): (&Job, Vec<PgRow>)| {
        Ok(Found {
            events: row::replay(&job.stream, job.after, &rows)?,
            whole: rows.len() < EVENTS,
        })
    };
    batch.iter().zip(of_stream).map(found).collect()
}

fn tell(batch: Vec<Job>, found: Vec<Result<Found, StoreError>>) {
    for (job, found) in batch.into_iter().zip(found) {
        // Whoever asked may have gone.
        drop(job.answer.send(found));
    }
}

fn refuse(batch: Vec<Job>, error: &StoreError) {
    for job in batch {
        drop(job.answer.send(Err(error::again(error))));
    }
}
