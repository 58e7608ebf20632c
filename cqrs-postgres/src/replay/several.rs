//! Several streams in one statement: one round trip, and all of them as of one moment.

use cqrs_core::{StoreError, StreamId, Version, ports::PastEvent};
use futures::TryStreamExt;
use sqlx::{Error, PgConnection, Row};

use super::buffer::ReplayBuffer;
use crate::{
    connect::backend::Backend,
    error::statement,
    row::{Types, signed},
    time_limit::within,
};

/// The events of each stream, in the order of `streams`.
pub(crate) async fn replay_all(
    backend: &Backend,
    streams: &[StreamId],
) -> Result<Vec<Vec<PastEvent>>, StoreError> {
    let from_the_start: Vec<_> = streams
        .iter()
        .map(|stream| (stream, Version::EMPTY))
        .collect();
    let mut connection = backend.pools.quick.get().await?;
    let sent = send(backend, &mut connection, &from_the_start, usize::MAX);
    let buffers = within(backend.answer_limit(), sent).await;
    let buffers = connection.note(buffers).map_err(statement)?;
    let events = |(stream, buffer): (&StreamId, Result<ReplayBuffer, Error>)| {
        let buffer = buffer.map_err(statement)?;
        buffer.into_events(stream, Version::EMPTY)
    };
    streams.iter().zip(buffers).map(events).collect()
}

/// The rows of each stream after a version, up to `limit` of them. A row that cannot be read fails its own stream only.
pub(super) async fn send(
    backend: &Backend,
    connection: &mut PgConnection,
    streams: &[(&StreamId, Version)],
    limit: usize,
) -> Result<Vec<Result<ReplayBuffer, Error>>, Error> {
    let mut categories = Vec::with_capacity(streams.len());
    let mut ids = Vec::with_capacity(streams.len());
    let mut versions = Vec::with_capacity(streams.len());
    for (stream, after) in streams {
        categories.push(stream.category().as_str());
        ids.push(stream.id());
        versions.push(signed(after.get()));
    }
    let mut rows = sqlx::query(backend.statements.replay_many.sql())
        .bind(categories)
        .bind(ids)
        .bind(versions)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch(connection);
    let mut buffers: Vec<_> = streams
        .iter()
        .map(|_| Ok(ReplayBuffer::default()))
        .collect();
    let mut types = Types::default();
    while let Some(row) = rows.try_next().await? {
        let number: i64 = row.try_get_unchecked(5)?;
        let index = usize::try_from(number - 1).ok();
        let of_stream = index.and_then(|index| buffers.get_mut(index));
        let of_stream = of_stream.ok_or_else(|| not_requested(number))?;
        if let Ok(buffer) = of_stream
            && let Err(error) = buffer.push(&row, &mut types)
        {
            *of_stream = Err(error);
        }
    }
    Ok(buffers)
}

fn not_requested(number: i64) -> Error {
    let what =
        format!("the server returned rows of stream number {number}, which was not requested");
    Error::Decode(what.into())
}
