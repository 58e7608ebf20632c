//! The import of events.

use std::time::{SystemTime, UNIX_EPOCH};

use cqrs_core::{
    EventId, RecordedEvent, StoreError, StoreErrorKind, Version,
    ports::{Import, ImportError, Imported, UnitOfWork, check_import},
};
use sqlx::{Postgres, Row, postgres::PgArguments, postgres::PgRow, query::Query};
use uuid::Uuid;

use crate::{
    append::EventColumns,
    error::statement,
    row::{signed, unsigned},
    store::PgEventStore,
};

impl Import for PgEventStore {
    async fn import(&self, events: &[RecordedEvent]) -> Result<Imported, ImportError> {
        check_import(events, self.backend().limits)?;
        let columns = Columns::of(events)?;
        let query = columns.bind(sqlx::query(self.backend().statements.import_events.sql()));
        let mut transaction = self.begin().await?;
        let asked = transaction.ask(async |connection| query.fetch_one(connection).await);
        let row = asked.await?;
        if let Some(error) = wrong(events, &row).map_err(statement)? {
            self.rollback(transaction).await?;
            return Err(error);
        }
        transaction.note_append();
        let added = unsigned(row.try_get(0).map_err(statement)?);
        self.commit(transaction).await?;
        Ok(Imported::new(added, events.len() as u64 - added))
    }
}

/// The event that ended the import, if one did.
fn wrong(events: &[RecordedEvent], row: &PgRow) -> Result<Option<ImportError>, sqlx::Error> {
    let Some(number) = row.try_get::<Option<i32>, _>(1)? else {
        return Ok(None);
    };
    let number = usize::try_from(number).unwrap_or_default();
    let Some(event) = number.checked_sub(1).and_then(|index| events.get(index)) else {
        return Err(sqlx::Error::RowNotFound);
    };
    let (stream, version) = (event.stream.clone(), event.version);
    Ok(Some(match row.try_get::<Option<Uuid>, _>(3)? {
        Some(found) => ImportError::OtherEvent {
            stream,
            version,
            found: EventId::from_uuid(found),
        },
        None => ImportError::Gap {
            stream,
            version,
            head: Version::new(unsigned(row.try_get(2)?)),
        },
    }))
}

/// The arguments of `import_events`, column by column.
#[derive(Default)]
struct Columns<'a> {
    categories: Vec<&'a str>,
    aggregate_ids: Vec<&'a str>,
    slices: Vec<i16>,
    versions: Vec<i64>,
    recorded_micros: Vec<i64>,
    events: EventColumns<'a>,
}

impl<'a> Columns<'a> {
    fn of(events: &'a [RecordedEvent]) -> Result<Self, StoreError> {
        let mut columns = Self::default();
        for event in events {
            columns.push(event).map_err(|source| {
                let message = format!("{event} cannot be imported");
                StoreError::new(StoreErrorKind::InvalidInput, message).caused_by(source)
            })?;
        }
        Ok(columns)
    }

    fn push(&mut self, event: &'a RecordedEvent) -> Result<(), cqrs_core::ports::BoxError> {
        self.categories.push(event.stream.category().as_str());
        self.aggregate_ids.push(event.stream.id());
        self.slices.push(i16::try_from(event.stream.slice())?);
        self.versions.push(signed(event.version.get()));
        self.recorded_micros.push(micros(event.recorded_at)?);
        self.events.push_recorded(event)?;
        Ok(())
    }

    fn bind(self, query: Query<'a, Postgres, PgArguments>) -> Query<'a, Postgres, PgArguments> {
        let query = query
            .bind(self.categories)
            .bind(self.aggregate_ids)
            .bind(self.slices)
            .bind(self.versions)
            .bind(self.recorded_micros);
        self.events.bind(query)
    }
}

/// Microseconds since 1970, as PostgreSQL keeps times.
fn micros(time: SystemTime) -> Result<i64, std::num::TryFromIntError> {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_micros()),
        Err(before) => Ok(-i64::try_from(before.duration().as_micros())?),
    }
}
