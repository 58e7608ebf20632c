//! Snapshots: one row for each stream, read with the events after it in one statement.

use bytes::Bytes;
use cqrs_core::{
    EventId, StoreError, StoreErrorKind, StreamId, Version,
    ports::{PastEvent, Snapshot},
};
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

use super::buffer::ReplayBuffer;
use crate::{
    connect::backend::Backend,
    error::{commit, statement},
    row::{Types, signed, unsigned},
    time_limit::within,
};

/// Replaces the snapshot of a stream.
pub(crate) async fn save_snapshot(
    backend: &Backend,
    snapshot: &Snapshot,
) -> Result<(), StoreError> {
    let payload = std::str::from_utf8(&snapshot.payload).map_err(|error| {
        StoreError::new(StoreErrorKind::InvalidInput, "a snapshot is not JSON").caused_by(error)
    })?;
    let mut connection = backend.pools.quick.get().await?;
    let query = sqlx::query(backend.statements.save_snapshot.sql())
        .bind(snapshot.stream.category().as_str())
        .bind(snapshot.stream.id())
        .bind(signed(snapshot.version.get()))
        .bind(snapshot.last_event.as_uuid())
        .bind(snapshot.fingerprint.cast_signed())
        .bind(snapshot.checksum.cast_signed())
        .bind(payload);
    let saved = within(backend.append_limit(), query.execute(&mut *connection)).await;
    connection.note(saved).map_err(commit)?;
    Ok(())
}

/// The snapshot of a stream if it has this fingerprint, and the events from the snapshot's last event on.
pub(crate) async fn replay_from_snapshot(
    backend: &Backend,
    stream: &StreamId,
    fingerprint: u64,
) -> Result<(Option<Snapshot>, Vec<PastEvent>), StoreError> {
    let mut connection = backend.pools.quick.get().await?;
    let query = sqlx::query(backend.statements.replay_from_snapshot.sql())
        .bind(stream.category().as_str())
        .bind(stream.id())
        .bind(fingerprint.cast_signed());
    let rows = within(backend.answer_limit(), query.fetch_all(&mut *connection)).await;
    let rows = connection.note(rows).map_err(statement)?;
    let (snapshot, events) = match rows.split_first() {
        Some((first, events)) if is_snapshot(first).map_err(statement)? => {
            let saved = snapshot(stream, fingerprint, first).map_err(statement)?;
            (Some(saved), events)
        }
        _ => (None, &*rows),
    };
    let after = snapshot
        .as_ref()
        .map_or(0, |snapshot| snapshot.version.get().saturating_sub(1));
    let mut buffer = ReplayBuffer::default();
    let mut types = Types::default();
    for row in events {
        buffer.push(row, &mut types).map_err(statement)?;
    }
    let events = buffer.into_events(stream, Version::new(after))?;
    Ok((snapshot, events))
}

/// A snapshot has no event type.
fn is_snapshot(row: &PgRow) -> Result<bool, sqlx::Error> {
    Ok(row.try_get::<Option<&str>, _>(2)?.is_none())
}

fn snapshot(stream: &StreamId, fingerprint: u64, row: &PgRow) -> Result<Snapshot, sqlx::Error> {
    let payload = row.try_get_raw(4)?;
    let payload = payload.as_bytes().map_err(sqlx::Error::Decode)?;
    let last_event: Uuid = row.try_get(1)?;
    let checksum: i64 = row.try_get(5)?;
    Ok(Snapshot::new(
        stream.clone(),
        Version::new(unsigned(row.try_get(0)?)),
        EventId::from_uuid(last_event),
        fingerprint,
        checksum.cast_unsigned(),
        Bytes::copy_from_slice(payload),
    ))
}
