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
    error::{commit, statement},
    log,
    row::{self, signed, unsigned},
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
        row::read_stream(
            stream,
            &query.fetch_all(&mut *connection).await.map_err(statement)?,
        )
    }

    async fn append(&self, append: Append) -> Result<Appended, WriteError> {
        let mut connection = self.acquire().await?;
        let appends = [append];
        let rows = send(self, &mut connection, &appends)?
            .await
            .map_err(commit)?;
        let appended = verdicts(&appends, &rows)?;
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
        let rows = query.fetch_all(transaction.connection()).await;
        row::read_streams(&transaction.note(rows)?)
    }

    async fn append_in(
        &self,
        transaction: &mut PgTransaction,
        appends: &[Append],
    ) -> Result<Vec<Appended>, WriteError> {
        Append::each_stream_once(appends)?;
        let rows = send(self, transaction.connection(), appends)?.await;
        let appended = verdicts(appends, &transaction.note(rows)?)?;
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

/// Sends the appends to the one function that writes events.
fn send<'c>(
    store: &PgEventStore,
    connection: &'c mut PgConnection,
    appends: &'c [Append],
) -> Result<impl Future<Output = Result<Vec<PgRow>, sqlx::Error>> + Send + use<'c>, StoreError> {
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
    Ok(query.fetch_all(connection))
}

/// What the function answered: a row for each append, or one for each that met a conflict.
fn verdicts(appends: &[Append], rows: &[PgRow]) -> Result<Vec<Appended>, WriteError> {
    let mut appended = vec![
        Appended {
            version: Version::EMPTY,
            position: None
        };
        appends.len()
    ];
    for row in rows {
        let verdict = Verdict::of(row).map_err(statement)?;
        let (Some(append), Some(landed)) =
            (appends.get(verdict.index), appended.get_mut(verdict.index))
        else {
            continue;
        };
        if verdict.conflict {
            let (stream, expected) = (append.stream.clone(), append.expected);
            return Err(Conflict {
                stream,
                expected,
                actual: verdict.version,
            }
            .into());
        }
        *landed = Appended {
            version: verdict.version,
            position: verdict.position,
        };
    }
    Ok(appended)
}

struct Verdict {
    index: usize,
    conflict: bool,
    version: Version,
    position: Option<Position>,
}

impl Verdict {
    fn of(row: &PgRow) -> Result<Self, sqlx::Error> {
        let number: i32 = row.try_get(0)?;
        let position: Option<i64> = row.try_get(3)?;
        Ok(Self {
            index: usize::try_from(number - 1).unwrap_or(usize::MAX),
            conflict: row.try_get(1)?,
            version: Version::new(unsigned(row.try_get(2)?)),
            position: position.map(|position| Position::new(unsigned(position))),
        })
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
