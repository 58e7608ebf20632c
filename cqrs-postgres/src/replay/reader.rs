//! The reader: one task with one connection of its own, which asks for the streams that wait together.

use std::sync::Arc;

use cqrs_core::{EventId, StoreError, StreamId, Version, ports::PastEvent};
use futures::TryStreamExt;
use sqlx::{Error, PgConnection, Row};
use tokio::sync::{mpsc, oneshot};

use super::past::Past;
use crate::{
    append::Writing,
    connection::within,
    error::{self, statement},
    row::{Types, signed},
    together::Crowd,
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
pub(super) async fn run(writing: Arc<Writing>, crowd: Arc<Crowd>, mut jobs: mpsc::Receiver<Job>) {
    while let Some(first) = jobs.recv().await {
        let batch = gather(first, &mut jobs, crowd.together()).await;
        crowd.serve(batch.len());
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
    let streams: Vec<_> = batch.iter().map(|job| (&job.stream, job.after)).collect();
    let asked = ask(writing, &mut connection, &streams, EVENTS);
    let past = within(writing.statement_limit(), asked).await;
    let past = connection.note(past).map_err(statement)?;
    let found = |(job, past): (&Job, Result<Past, Error>)| {
        let past = past.map_err(statement)?;
        let whole = past.len() < EVENTS;
        let events = past.into_events(&job.stream, job.after)?;
        Ok(Found { events, whole })
    };
    let found: Vec<_> = batch.iter().zip(past).map(found).collect();
    let last_events = batch.iter().zip(&found).filter_map(last_event);
    writing.seen.remember(connection.log(), last_events);
    Ok(found)
}

/// The last event of a stream that was read to its end.
fn last_event<'a>(
    (job, found): (&'a Job, &Result<Found, StoreError>),
) -> Option<(&'a StreamId, Version, EventId)> {
    let found = found.as_ref().ok().filter(|found| found.whole)?;
    let last = found.events.last()?;
    Some((&job.stream, last.version, last.id))
}

/// To each stream its own rows, up to `limit` of them: a row that cannot be read fails its own stream only.
pub(super) async fn ask(
    writing: &Writing,
    connection: &mut PgConnection,
    streams: &[(&StreamId, Version)],
    limit: usize,
) -> Result<Vec<Result<Past, Error>>, Error> {
    let names = streams.iter().map(|(stream, _)| stream);
    let categories: Vec<_> = names
        .clone()
        .map(|stream| stream.category().as_str())
        .collect();
    let ids: Vec<_> = names.map(|stream| stream.id()).collect();
    let after: Vec<_> = streams
        .iter()
        .map(|(_, after)| signed(after.get()))
        .collect();
    let mut rows = sqlx::query(writing.statements.replay_many.sql())
        .bind(categories)
        .bind(ids)
        .bind(after)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch(connection);
    let mut past: Vec<_> = streams.iter().map(|_| Ok(Past::default())).collect();
    let mut types = Types::default();
    while let Some(row) = rows.try_next().await? {
        let number: i64 = row.try_get_unchecked(5)?;
        let of_stream = usize::try_from(number - 1)
            .ok()
            .and_then(|n| past.get_mut(n));
        let of_stream = of_stream.ok_or_else(|| never_asked_for(number))?;
        if let Ok(past) = of_stream
            && let Err(error) = past.push(&row, &mut types)
        {
            *of_stream = Err(error);
        }
    }
    Ok(past)
}

fn never_asked_for(number: i64) -> Error {
    Error::Decode(format!("rows came of stream number {number}, which was not asked for").into())
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
