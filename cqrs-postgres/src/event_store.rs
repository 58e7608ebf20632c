//! The event store: appends by one function, reads by key.

use std::time::Duration;

use async_trait::async_trait;
use cqrs_core::{
    Append, Appended, Conflict, EventId, EventStore, ExpectedVersion, LogPage, LogQuery, Position,
    RecordedEvent, StoreError, StoreErrorKind, StreamId, Version, WriteError,
};
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use crate::{
    error::{Doing, commit, statement},
    log,
    row::{Rows, signed, unsigned},
    store::PgEventStore,
    transaction::PgTransaction,
};

#[async_trait]
impl EventStore for PgEventStore {
    async fn read_stream(
        &self,
        stream: &StreamId,
        after: Version,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let mut connection = self.acquire().await?;
        let query = sqlx::query(self.statements().read_stream.sql());
        let query = query
            .bind(stream.category().as_str())
            .bind(stream.id())
            .bind(signed(after.get()));
        Rows::read_all(&query.fetch_all(&mut *connection).await.map_err(statement)?)
    }

    async fn append(&self, append: Append) -> Result<Appended, WriteError> {
        let mut connection = self.acquire().await?;
        let appended = append_on(self, &mut connection, &[append], Doing::Commit).await?;
        self.appended().notify_waiters();
        Ok(appended[0])
    }

    async fn read_streams_in(
        &self,
        transaction: &mut PgTransaction,
        streams: &[StreamId],
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let (categories, ids) = names(streams.iter());
        let query = sqlx::query(self.statements().read_streams.sql())
            .bind(categories)
            .bind(ids);
        Rows::read_all(
            &query
                .fetch_all(&mut **transaction)
                .await
                .map_err(statement)?,
        )
    }

    async fn append_in(
        &self,
        transaction: &mut PgTransaction,
        appends: &[Append],
    ) -> Result<Vec<Appended>, WriteError> {
        let appended = append_on(self, transaction, appends, Doing::Statement).await?;
        transaction.note_append();
        Ok(appended)
    }

    async fn read_log(&self, query: LogQuery<'_>) -> Result<LogPage, StoreError> {
        log::read(self, query).await
    }

    async fn high_water_mark(&self) -> Result<Position, StoreError> {
        log::high_water_mark(self, &mut *self.acquire().await?).await
    }

    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>, StoreError> {
        let query =
            sqlx::query_scalar(self.statements().event_id_at.sql()).bind(signed(position.get()));
        let id: Option<Uuid> = query.fetch_optional(self.pool()).await.map_err(statement)?;
        Ok(id.map(EventId::from_uuid))
    }

    async fn wait_for_append(&self, at_most: Duration) {
        // Woken by a writer of this process or timed out, the caller looks.
        let _ = tokio::time::timeout(at_most, self.appended().notified()).await;
    }
}

fn names<'a>(streams: impl Iterator<Item = &'a StreamId>) -> (Vec<&'a str>, Vec<&'a str>) {
    streams
        .map(|stream| (stream.category().as_str(), stream.id()))
        .unzip()
}

async fn append_on(
    store: &PgEventStore,
    connection: &mut PgConnection,
    appends: &[Append],
    doing: Doing,
) -> Result<Vec<Appended>, WriteError> {
    Append::each_stream_once(appends)?;
    let columns = Columns::of(appends)?;
    let query = sqlx::query(store.statements().append.sql());
    let query = query
        .bind(columns.categories)
        .bind(columns.aggregate_ids)
        .bind(columns.slices)
        .bind(columns.expected);
    let query = query
        .bind(columns.streams)
        .bind(columns.event_ids)
        .bind(columns.event_types);
    let query = query.bind(columns.schema_versions).bind(columns.payloads);
    let query = query
        .bind(columns.correlation_ids)
        .bind(columns.causation_ids)
        .bind(columns.traceparents);
    let failed = |error| {
        if doing == Doing::Commit {
            commit(error)
        } else {
            statement(error)
        }
    };
    let rows = query.fetch_all(connection).await.map_err(failed)?;
    verdicts(appends, &rows)
}

/// What the function answered, for each append. A stream that is missing has no events to write and met no conflict.
fn verdicts(appends: &[Append], rows: &[PgRow]) -> Result<Vec<Appended>, WriteError> {
    let mut appended: Vec<_> = appends
        .iter()
        .map(|append| Appended {
            version: exact(append.expected),
            position: None,
        })
        .collect();
    for row in rows {
        let (number, before, version, position) = verdict(row).map_err(statement)?;
        let index = usize::try_from(number - 1).unwrap_or(usize::MAX);
        let (Some(append), Some(landed)) = (appends.get(index), appended.get_mut(index)) else {
            continue;
        };
        let (Some(version), Some(position)) = (version, position) else {
            let (stream, expected) = (append.stream.clone(), append.expected);
            return Err(Conflict {
                stream,
                expected,
                actual: Version::new(unsigned(before)),
            }
            .into());
        };
        *landed = Appended {
            version: Version::new(unsigned(version)),
            position: Some(Position::new(unsigned(position))),
        };
    }
    Ok(appended)
}

fn verdict(row: &PgRow) -> Result<(i32, i64, Option<i64>, Option<i64>), sqlx::Error> {
    Ok((
        row.try_get(0)?,
        row.try_get(1)?,
        row.try_get(2)?,
        row.try_get(3)?,
    ))
}

fn exact(expected: ExpectedVersion) -> Version {
    match expected {
        ExpectedVersion::Exact(version) => version,
        ExpectedVersion::Any | ExpectedVersion::NoStream | ExpectedVersion::StreamExists => {
            Version::EMPTY
        }
    }
}

/// The arguments of the function: streams and events, column by column.
#[derive(Default)]
struct Columns<'a> {
    categories: Vec<&'a str>,
    aggregate_ids: Vec<&'a str>,
    slices: Vec<i16>,
    expected: Vec<i64>,
    streams: Vec<i32>,
    event_ids: Vec<Uuid>,
    event_types: Vec<&'a str>,
    schema_versions: Vec<i32>,
    payloads: Vec<&'a str>,
    correlation_ids: Vec<Option<&'a str>>,
    causation_ids: Vec<Option<Uuid>>,
    traceparents: Vec<Option<&'a str>>,
}

impl<'a> Columns<'a> {
    fn of(appends: &'a [Append]) -> Result<Self, StoreError> {
        let mut columns = Self::default();
        for (append, number) in appends.iter().zip(1..) {
            columns.stream(append);
            for event in &append.events {
                columns.event(number, event)?;
            }
        }
        Ok(columns)
    }

    fn stream(
        &mut self,
        Append {
            stream, expected, ..
        }: &'a Append,
    ) {
        self.categories.push(stream.category().as_str());
        self.aggregate_ids.push(stream.id());
        self.slices
            .push(i16::try_from(stream.slice()).expect("a slice is below 1,024"));
        self.expected.push(match expected {
            ExpectedVersion::Any => -1,
            ExpectedVersion::StreamExists => -2,
            ExpectedVersion::NoStream => 0,
            ExpectedVersion::Exact(version) => signed(version.get()),
        });
    }

    fn event(&mut self, number: i32, event: &'a cqrs_core::NewEvent) -> Result<(), StoreError> {
        let payload = std::str::from_utf8(&event.payload).map_err(|error| {
            let message = format!(
                "the payload of a `{}` is not JSON: {error}",
                event.event_type
            );
            StoreError::new(StoreErrorKind::InvalidInput, message).caused_by(error)
        })?;
        self.streams.push(number);
        self.event_ids.push(event.id.as_uuid());
        self.event_types.push(event.event_type);
        self.schema_versions.push(1);
        self.payloads.push(payload);
        self.correlation_ids
            .push(event.metadata.correlation_id.as_deref());
        self.causation_ids
            .push(event.metadata.causation_id.map(EventId::as_uuid));
        self.traceparents
            .push(event.metadata.traceparent.as_deref());
        Ok(())
    }
}
