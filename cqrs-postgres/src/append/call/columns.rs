//! The arguments of the append functions: streams and events, column by column, and values that are sent singly.

use cqrs_core::{
    EventId, ExpectedVersion, Metadata, RecordedEvent, model::NewEvent, ports::Append,
};
use sqlx::{Error, Postgres, postgres::PgArguments, query::Query};
use uuid::Uuid;

use crate::row::signed;

type Call<'a> = Query<'a, Postgres, PgArguments>;

/// The streams of appends.
pub(super) struct StreamColumns<'a> {
    categories: Vec<&'a str>,
    aggregate_ids: Vec<&'a str>,
    slices: Vec<i16>,
    expected: Vec<i64>,
    expected_events: Vec<Option<Uuid>>,
    event_counts: Vec<i32>,
    events_before: Vec<i32>,
    events: usize,
}

impl<'a> StreamColumns<'a> {
    pub(super) fn with_capacity(streams: usize) -> Self {
        Self {
            categories: Vec::with_capacity(streams),
            aggregate_ids: Vec::with_capacity(streams),
            slices: Vec::with_capacity(streams),
            expected: Vec::with_capacity(streams),
            expected_events: Vec::with_capacity(streams),
            event_counts: Vec::with_capacity(streams),
            events_before: Vec::with_capacity(streams),
            events: 0,
        }
    }

    pub(super) fn push(&mut self, append: &'a Append) -> Result<(), Error> {
        let (expected, expected_event) = expectation(append.expected);
        self.categories.push(append.stream.category().as_str());
        self.aggregate_ids.push(append.stream.id());
        self.slices.push(slice(append));
        self.expected.push(expected);
        self.expected_events.push(expected_event);
        self.event_counts.push(number(append.events.len())?);
        self.events_before.push(number(self.events)?);
        self.events += append.events.len();
        Ok(())
    }

    pub(super) fn bind(self, call: Call<'a>) -> Call<'a> {
        call.bind(self.categories)
            .bind(self.aggregate_ids)
            .bind(self.slices)
            .bind(self.expected)
            .bind(self.expected_events)
            .bind(self.event_counts)
            .bind(self.events_before)
    }
}

/// The events of appends. A column without any value is null as a whole; in the column of schema versions 1 is no value.
#[derive(Default)]
pub(crate) struct EventColumns<'a> {
    ids: Vec<Uuid>,
    types: Vec<&'a str>,
    schema_versions: Vec<Option<i32>>,
    payloads: Vec<&'a str>,
    correlation_ids: Vec<Option<&'a str>>,
    causation_ids: Vec<Option<Uuid>>,
    traceparents: Vec<Option<&'a str>>,
    headers: Vec<Option<String>>,
}

impl<'a> EventColumns<'a> {
    pub(super) fn with_capacity(events: usize) -> Self {
        Self {
            ids: Vec::with_capacity(events),
            types: Vec::with_capacity(events),
            payloads: Vec::with_capacity(events),
            ..Self::default()
        }
    }

    pub(super) fn extend(&mut self, events: &'a [NewEvent]) -> Result<(), Error> {
        events.iter().try_for_each(|event| self.push(event))
    }

    fn push(&mut self, event: &'a NewEvent) -> Result<(), Error> {
        let payload = json(event)?;
        let metadata = &event.metadata;
        self.push_parts(
            event.id,
            event.event_type,
            event.schema_version,
            payload,
            metadata,
        )
    }

    /// An event of another store.
    pub(crate) fn push_recorded(&mut self, event: &'a RecordedEvent) -> Result<(), Error> {
        let payload = std::str::from_utf8(&event.payload);
        let payload = payload.map_err(|error| Error::Encode(error.into()))?;
        let metadata = &event.metadata;
        self.push_parts(
            event.id,
            &event.event_type,
            event.schema_version,
            payload,
            metadata,
        )
    }

    fn push_parts(
        &mut self,
        id: EventId,
        event_type: &'a str,
        version: u32,
        payload: &'a str,
        metadata: &'a Metadata,
    ) -> Result<(), Error> {
        let before = self.ids.len();
        let causation_id = metadata.causation_id.map(EventId::as_uuid);
        self.ids.push(id.as_uuid());
        self.types.push(event_type);
        self.payloads.push(payload);
        sparse(&mut self.schema_versions, before, schema_version(version)?);
        sparse(
            &mut self.correlation_ids,
            before,
            metadata.correlation_id.as_deref(),
        );
        sparse(&mut self.causation_ids, before, causation_id);
        sparse(
            &mut self.traceparents,
            before,
            metadata.traceparent.as_deref(),
        );
        sparse(&mut self.headers, before, headers(metadata)?);
        Ok(())
    }

    pub(crate) fn bind(self, call: Call<'a>) -> Call<'a> {
        call.bind(self.ids)
            .bind(self.types)
            .bind(unless_empty(self.schema_versions))
            .bind(self.payloads)
            .bind(unless_empty(self.correlation_ids))
            .bind(unless_empty(self.causation_ids))
            .bind(unless_empty(self.traceparents))
            .bind(unless_empty(self.headers))
    }
}

pub(super) fn json(event: &NewEvent) -> Result<&str, Error> {
    std::str::from_utf8(&event.payload).map_err(|source| {
        let event_type = event.event_type;
        Error::Encode(Box::new(NotJson { event_type, source }))
    })
}

#[derive(Debug, thiserror::Error)]
#[error("the payload of a `{event_type}` is not JSON")]
struct NotJson {
    event_type: &'static str,
    source: std::str::Utf8Error,
}

/// The schema version, unless it is 1: SQL fills that in.
pub(super) fn schema_version(version: u32) -> Result<Option<i32>, Error> {
    let version = i32::try_from(version);
    let version = version.map_err(|error| Error::Encode(error.into()))?;
    Ok((version != 1).then_some(version))
}

/// The headers as an object of strings, if there are any.
pub(super) fn headers(metadata: &Metadata) -> Result<Option<String>, Error> {
    let headers = &metadata.headers;
    if headers.is_empty() {
        return Ok(None);
    }
    let text = serde_json::to_string(headers).map_err(|error| Error::Encode(error.into()))?;
    Ok(Some(text))
}

fn unless_empty<T>(column: Vec<T>) -> Option<Vec<T>> {
    (!column.is_empty()).then_some(column)
}

/// Adds a value to a column that may be shorter than others: SQL fills it up with nulls.
fn sparse<T: Clone>(column: &mut Vec<Option<T>>, before: usize, value: Option<T>) {
    if value.is_some() {
        column.resize(before, None);
        column.push(value);
    }
}

/// An expectation as the SQL functions take it: a version, -1 for any, -2 for an existing stream; and the event there.
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
