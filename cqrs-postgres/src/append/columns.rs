//! Appends as the arguments of the SQL functions: streams, keys and events, column by column; and the values that are sent
//! singly.

use cqrs_core::{Append, Appends, EventId, ExpectedVersion, model::NewEvent};
use sqlx::{Error, Postgres, postgres::PgArguments, query::Query};
use uuid::Uuid;

use super::{patience::Patience, seen::Covered, turns::Guarded};
use crate::{log_identity::LogIdentity, row::signed, statements::Statement};

/// The arguments of `append`, and of `append_each`.
#[derive(Debug, Default)]
pub(super) struct Columns<'a> {
    streams: Streams<'a>,
    key_appends: Vec<i32>,
    keys: Vec<&'a str>,
    fingerprints: Vec<i64>,
    of_streams: Vec<i32>,
    numbers: Vec<i32>,
    events: Events<'a>,
}

#[derive(Debug, Default)]
struct Streams<'a> {
    of_appends: Vec<i32>,
    categories: Vec<&'a str>,
    aggregate_ids: Vec<&'a str>,
    slices: Vec<i16>,
    expected: Vec<i64>,
    expected_events: Vec<Option<Uuid>>,
    counts: Vec<i32>,
}

/// Columns that no event has anything in are null as a whole; so is that of schema versions, all of which are 1 until there are
/// upcasters.
#[derive(Debug, Default)]
pub(super) struct Events<'a> {
    ids: Vec<Uuid>,
    types: Vec<&'a str>,
    payloads: Vec<&'a str>,
    correlation_ids: Vec<Option<&'a str>>,
    causation_ids: Vec<Option<Uuid>>,
    traceparents: Vec<Option<&'a str>>,
    headers: Vec<Option<String>>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(
        appends: impl IntoIterator<Item = &'a Appends> + Clone,
    ) -> Result<Self, Error> {
        let streams = appends.clone().into_iter().flat_map(|all| &all.streams);
        let mut columns = Self::with_room_for(streams);
        for (appends, number) in appends.into_iter().zip(1..) {
            if let Some(idempotency) = &appends.idempotency {
                columns.key_appends.push(number);
                columns.keys.push(idempotency.key.as_str());
                columns
                    .fingerprints
                    .push(idempotency.fingerprint.cast_signed());
            }
            for append in &appends.streams {
                columns.stream(number, append)?;
            }
        }
        Ok(columns)
    }

    fn with_room_for(appends: impl Iterator<Item = &'a Append>) -> Self {
        let (streams, events) = appends.fold((0, 0), |(streams, events), append| {
            (streams + 1, events + append.events.len())
        });
        Self {
            streams: Streams::with_room_for(streams),
            of_streams: Vec::with_capacity(events),
            numbers: Vec::with_capacity(events),
            events: Events::with_room_for(events),
            ..Self::default()
        }
    }

    fn stream(&mut self, of_append: i32, append: &'a Append) -> Result<(), Error> {
        let (category, id) = (append.stream.category().as_str(), append.stream.id());
        let (expected, expected_event) = expectation(append.expected);
        self.streams.of_appends.push(of_append);
        self.streams.categories.push(category);
        self.streams.aggregate_ids.push(id);
        self.streams.slices.push(slice(append));
        self.streams.expected.push(expected);
        self.streams.expected_events.push(expected_event);
        self.streams.counts.push(number(append.events.len())?);
        let of_stream = number(self.streams.counts.len())?;
        for (event, nth) in append.events.iter().zip(1..) {
            self.of_streams.push(of_stream);
            self.numbers.push(nth);
            self.events.push(event)?;
        }
        Ok(())
    }

    /// The columns of appends to one stream each.
    pub(super) fn of_each(appends: &[&'a Append]) -> Result<Self, Error> {
        let mut columns = Self::with_room_for(appends.iter().copied());
        for (append, number) in appends.iter().zip(1..) {
            columns.stream(number, append)?;
        }
        Ok(columns)
    }

    /// The number of the stream whose guard comes first, 0 for the key.
    fn awaited(&self, patience: Patience<'_>) -> Option<i32> {
        let Patience::WaitsFor(guarded) = patience else {
            return None;
        };
        let Guarded::Stream(stream) = guarded else {
            return Some(0);
        };
        let (category, id) = (stream.category().as_str(), stream.id());
        let names = self
            .streams
            .categories
            .iter()
            .zip(&self.streams.aggregate_ids);
        let numbered = names.zip(1..);
        numbered
            .into_iter()
            .find_map(|((c, i), number)| (*c == category && *i == id).then_some(number))
    }

    /// The call of `append`.
    pub(super) fn call(
        self,
        statement: &Statement,
        patience: Patience<'_>,
        retention: f64,
    ) -> Query<'a, Postgres, PgArguments> {
        let query = sqlx::query(statement.sql())
            .bind(matches!(patience, Patience::Waits))
            .bind(self.awaited(patience))
            .bind(retention)
            .bind(self.streams.of_appends)
            .bind(self.streams.categories)
            .bind(self.streams.aggregate_ids)
            .bind(self.streams.slices)
            .bind(self.streams.expected)
            .bind(self.streams.expected_events)
            .bind(self.streams.counts)
            .bind(self.key_appends)
            .bind(self.keys)
            .bind(self.fingerprints)
            .bind(self.of_streams)
            .bind(self.numbers);
        self.events.bind(query)
    }

    /// The call of `append_each`.
    pub(super) fn call_each(
        self,
        statement: &Statement,
        covered: &'a Covered,
    ) -> Query<'a, Postgres, PgArguments> {
        let query = sqlx::query(statement.sql())
            .bind(self.streams.categories)
            .bind(self.streams.aggregate_ids)
            .bind(self.streams.slices)
            .bind(self.streams.expected)
            .bind(self.streams.expected_events)
            .bind(self.streams.counts)
            .bind(&covered.appends);
        let query = bind_log(query, covered.log.as_ref())
            .bind(self.of_streams)
            .bind(self.numbers);
        self.events.bind(query)
    }
}

pub(super) fn bind_log<'a>(
    query: Query<'a, Postgres, PgArguments>,
    log: Option<&'a LogIdentity>,
) -> Query<'a, Postgres, PgArguments> {
    let log = log.map(LogIdentity::log);
    query
        .bind(log.map(|log| log.started))
        .bind(log.map(|log| log.file.as_str()))
}

impl Streams<'_> {
    fn with_room_for(streams: usize) -> Self {
        Self {
            of_appends: Vec::with_capacity(streams),
            categories: Vec::with_capacity(streams),
            aggregate_ids: Vec::with_capacity(streams),
            slices: Vec::with_capacity(streams),
            expected: Vec::with_capacity(streams),
            expected_events: Vec::with_capacity(streams),
            counts: Vec::with_capacity(streams),
        }
    }
}

impl<'a> Events<'a> {
    pub(super) fn of(events: &'a [NewEvent]) -> Result<Self, Error> {
        let mut columns = Self::with_room_for(events.len());
        for event in events {
            columns.push(event)?;
        }
        Ok(columns)
    }

    fn with_room_for(events: usize) -> Self {
        Self {
            ids: Vec::with_capacity(events),
            types: Vec::with_capacity(events),
            payloads: Vec::with_capacity(events),
            ..Self::default()
        }
    }

    fn push(&mut self, event: &'a NewEvent) -> Result<(), Error> {
        let payload = json(event)?;
        let before = self.ids.len();
        self.ids.push(event.id.as_uuid());
        self.types.push(event.event_type);
        self.payloads.push(payload);
        let metadata = &event.metadata;
        sparse(
            &mut self.correlation_ids,
            before,
            metadata.correlation_id.as_deref(),
        );
        sparse(
            &mut self.causation_ids,
            before,
            metadata.causation_id.map(EventId::as_uuid),
        );
        sparse(
            &mut self.traceparents,
            before,
            metadata.traceparent.as_deref(),
        );
        sparse(&mut self.headers, before, headers(event)?);
        Ok(())
    }

    pub(super) fn bind(
        self,
        query: Query<'a, Postgres, PgArguments>,
    ) -> Query<'a, Postgres, PgArguments> {
        query
            .bind(self.ids)
            .bind(self.types)
            .bind(None::<Vec<i32>>)
            .bind(self.payloads)
            .bind(unless_empty(self.correlation_ids))
            .bind(unless_empty(self.causation_ids))
            .bind(unless_empty(self.traceparents))
            .bind(unless_empty(self.headers))
    }
}

pub(super) fn json(event: &NewEvent) -> Result<&str, Error> {
    std::str::from_utf8(&event.payload).map_err(|error| {
        let event_type = event.event_type;
        Error::Encode(format!("the payload of a `{event_type}` is not JSON: {error}").into())
    })
}

/// The headers as an object of strings, if there are any.
pub(super) fn headers(event: &NewEvent) -> Result<Option<String>, Error> {
    let headers = &event.metadata.headers;
    if headers.is_empty() {
        return Ok(None);
    }
    let text = serde_json::to_string(headers).map_err(|error| Error::Encode(error.into()))?;
    Ok(Some(text))
}

fn unless_empty<T>(column: Vec<T>) -> Option<Vec<T>> {
    (!column.is_empty()).then_some(column)
}

/// Adds a value to a column that may lack its last ones: SQL fills up with nulls.
fn sparse<T: Clone>(column: &mut Vec<Option<T>>, before: usize, value: Option<T>) {
    if value.is_some() {
        column.resize(before, None);
        column.push(value);
    }
}

/// What the SQL functions know an expectation as: a version, -1 for any, -2 for an existing stream; and the event there.
pub(super) fn expectation(expected: ExpectedVersion) -> (i64, Option<Uuid>) {
    match expected {
        ExpectedVersion::Any => (-1, None),
        ExpectedVersion::StreamExists => (-2, None),
        ExpectedVersion::NoStream => (0, None),
        ExpectedVersion::Exact(version) => (signed(version.get()), None),
        ExpectedVersion::LastEvent(version, event) => {
            (signed(version.get()), Some(event.as_uuid()))
        }
    }
}

pub(super) fn slice(append: &Append) -> i16 {
    i16::try_from(append.stream.slice()).expect("a slice is below 1,024")
}

fn number(count: usize) -> Result<i32, Error> {
    i32::try_from(count).map_err(|error| Error::Encode(error.into()))
}
