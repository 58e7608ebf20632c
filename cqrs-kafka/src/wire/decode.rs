//! Decodes a record as an event. It is strict where a guarantee depends on a header: a record that is not an event is an
//! error, and nothing is guessed. Other headers never make a record unreadable.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use cqrs_core::{
    EventId, Metadata, Position, RecordedEvent, StreamId, Version,
    model::{Category, InvalidName, Lane, Offset},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use super::{WireError, headers::Headers};

/// A record as the consumer received it.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The offset within the partition.
    pub offset: u64,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value.
    pub payload: Option<&'a [u8]>,
    /// The timestamp of the record, in milliseconds since 1970.
    pub timestamp: Option<i64>,
}

/// Decodes records as events.
///
/// A record with the header `ce_lane` is of a relay: it gives the event as it was stored, with the category of its
/// `ce_source`. A record without it is a CloudEvent of another producer, and gives an event with these fields:
///
/// | Field | Value |
/// | --- | --- |
/// | `lane` | `None` |
/// | `position` | the offset of the record |
/// | `version` | 0 |
/// | `schema_version` | `ce_schemaversion` if it is a number, otherwise 0: the payload is read as it is |
/// | category | the topic without the prefix; `ce_source` may be any URI |
/// | id of the stream | `ce_subject`, or the key if it can be an id, or `ce_id`: the first that the record has |
/// | `id` | `ce_id` if it is a UUID, otherwise a hash of `ce_source` and `ce_id`, which is always the same |
/// | `payload` | the value, or `null` if the record has none |
/// | `recorded_at` | `ce_time` if it is an RFC 3339 time, otherwise the timestamp of the record |
///
/// The metadata is in optional headers, with those of the application as `app_{name}`. One that is empty, not text or longer than
/// [`MAX_HEADER_BYTES`](super::MAX_HEADER_BYTES), or that occurs with different values, counts as missing.
///
/// ```
/// use cqrs_kafka::wire::{Decoder, Received};
///
/// let record = Received {
///     topic: "shop.order",
///     offset: 7,
///     key: Some(b"17"),
///     payload: Some(br#"{"total":5}"#),
///     timestamp: None,
/// };
/// let headers = [
///     ("ce_specversion", &b"1.0"[..]),
///     ("ce_id", b"A-1"),
///     ("ce_source", b"https://bank.example/payments"),
///     ("ce_type", b"com.bank.Paid"),
/// ];
/// let headers = headers.map(|(name, value)| (name, Some(value)));
///
/// let event = Decoder::new("shop").decode(record, headers)?;
/// assert_eq!(event.stream.to_string(), "order-17");
/// # Ok::<(), cqrs_kafka::wire::WireError>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    prefix: String,
    /// The last values, which most records repeat. They are shared instead of allocated again.
    category: Option<Category>,
    lane: Option<Lane>,
    types: HashSet<Arc<str>>,
}

impl Decoder {
    /// A decoder for topics with this prefix.
    #[must_use]
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
            category: None,
            lane: None,
            types: HashSet::new(),
        }
    }

    /// Decodes a record.
    ///
    /// # Errors
    /// Any [`WireError`] except [`WireError::HeaderName`].
    pub fn decode<'a>(
        &mut self,
        record: Received<'a>,
        headers: impl IntoIterator<Item = (&'a str, Option<&'a [u8]>)>,
    ) -> Result<RecordedEvent, WireError> {
        let headers = Headers::collect(headers)?;
        if record.payload.is_none() && !headers.spec_version.is_present() {
            return Err(WireError::NoPayload);
        }
        headers.check_format()?;
        let event = if headers.is_from_relay() {
            self.own(&record, &headers)
        } else {
            self.foreign(&record, &headers)
        };
        Ok(event?.offset(Offset::new(record.offset)))
    }

    /// The stream of a record that is not an event: of its subject, or else of its key, if that can be the id of a stream.
    pub(crate) fn stream_of<'a>(
        &mut self,
        record: Received<'a>,
        headers: impl IntoIterator<Item = (&'a str, Option<&'a [u8]>)>,
    ) -> Option<StreamId> {
        let headers = Headers::collect(headers).ok()?;
        let own = headers.is_from_relay();
        let named = own.then(|| self.category_of_source(&headers).ok());
        let of_topic = category(&mut self.category, unprefixed(&self.prefix, record.topic));
        let category = named.flatten().or(of_topic.ok())?;
        let key = record.key.and_then(|key| std::str::from_utf8(key).ok());
        let mut ids = [headers.subject.optional(), key].into_iter().flatten();
        ids.find_map(|id| StreamId::new(category.clone(), id).ok())
    }

    /// The event of a relay, as it was stored.
    fn own(
        &mut self,
        record: &Received<'_>,
        headers: &Headers<'_>,
    ) -> Result<RecordedEvent, WireError> {
        let payload = record.payload.ok_or(WireError::NoPayload)?;
        let category = self.category_of_source(headers)?;
        let event_type = own_type(headers, &category)?;
        let stream = stream(headers, category)?;
        let id = Uuid::parse_str(headers.id.required()?)
            .map_err(|_| headers.id.invalid("not a UUID"))?;
        let time = headers.time.required()?;
        let recorded_at =
            parse_time(time).ok_or_else(|| headers.time.invalid("not an RFC 3339 time"))?;
        let schema_version = u32::try_from(headers.schema_version.number()?)
            .map_err(|_| headers.schema_version.invalid("too large"))?;
        Ok(RecordedEvent::new(
            EventId::from_uuid(id),
            stream,
            Version::new(headers.version.number()?),
            Position::new(headers.position.number()?),
            self.shared_type(event_type),
            Bytes::copy_from_slice(payload),
            recorded_at,
        )
        .schema_version(schema_version)
        .metadata(metadata(headers))
        .lane(self.lane(headers.lane.required()?)))
    }

    /// The event of another producer.
    fn foreign(
        &mut self,
        record: &Received<'_>,
        headers: &Headers<'_>,
    ) -> Result<RecordedEvent, WireError> {
        let source = headers.source.required()?;
        let ce_id = headers.id.required()?;
        let ce_type = headers.event_type.required()?;
        let category = category(&mut self.category, unprefixed(&self.prefix, record.topic))?;
        let id = Uuid::parse_str(ce_id).unwrap_or_else(|_| hashed(source, ce_id));
        let event_type = without_category(ce_type, &category).unwrap_or(ce_type);
        let payload = record.payload.filter(|payload| !payload.is_empty());
        let schema_version = headers.schema_version.optional();
        Ok(RecordedEvent::new(
            EventId::from_uuid(id),
            foreign_stream(headers, record, category, ce_id, id)?,
            Version::EMPTY,
            Position::new(record.offset),
            self.shared_type(event_type),
            Bytes::copy_from_slice(payload.unwrap_or(b"null")),
            foreign_time(headers, record),
        )
        .schema_version(schema_version.map_or(0, |text| text.parse().unwrap_or(0)))
        .metadata(metadata(headers)))
    }

    fn category_of_source(&mut self, headers: &Headers<'_>) -> Result<Category, WireError> {
        let source = headers.source.required()?;
        let named = source.rsplit('/').next().unwrap_or_default();
        category(&mut self.category, named).map_err(|error| headers.source.invalid_name(error))
    }

    fn shared_type(&mut self, event_type: &str) -> Arc<str> {
        if let Some(known) = self.types.get(event_type) {
            return Arc::clone(known);
        }
        if self.types.len() > 1_000 {
            self.types.clear();
        }
        let new: Arc<str> = event_type.into();
        self.types.insert(Arc::clone(&new));
        new
    }

    fn lane(&mut self, name: &str) -> Lane {
        match &self.lane {
            Some(known) if known.as_str() == name => known.clone(),
            _ => self.lane.insert(Lane::new(name)).clone(),
        }
    }
}

/// The category of this name. Most records repeat the `last` one.
fn category(last: &mut Option<Category>, name: &str) -> Result<Category, InvalidName> {
    if let Some(known) = last.as_ref().filter(|known| known.as_str() == name) {
        return Ok(known.clone());
    }
    Ok(last.insert(Category::new(name)?).clone())
}

fn unprefixed<'a>(prefix: &str, topic: &'a str) -> &'a str {
    topic
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('.'))
        .unwrap_or(topic)
}

/// The type of a relay's event. `ce_type` is `{category}.{event type}`.
fn own_type<'a>(headers: &Headers<'a>, category: &Category) -> Result<&'a str, WireError> {
    let ce_type = headers.event_type.required()?;
    without_category(ce_type, category).ok_or_else(|| {
        headers
            .event_type
            .invalid(format!("not the type of an event of category {category}"))
    })
}

/// What follows `{category}.`, if there is anything.
fn without_category<'a>(ce_type: &'a str, category: &Category) -> Option<&'a str> {
    let rest = ce_type.strip_prefix(category.as_str())?.strip_prefix('.')?;
    (!rest.is_empty()).then_some(rest)
}

fn stream(headers: &Headers<'_>, category: Category) -> Result<StreamId, WireError> {
    StreamId::new(category, headers.subject.required()?)
        .map_err(|error| headers.subject.invalid_name(error))
}

/// The stream of another producer's event: the first of its subject, its key and its id that can be the id of a stream.
fn foreign_stream(
    headers: &Headers<'_>,
    record: &Received<'_>,
    category: Category,
    ce_id: &str,
    id: Uuid,
) -> Result<StreamId, WireError> {
    // A subject that cannot be an id is an error: another id would be another stream.
    if !headers.subject.is_empty() {
        return stream(headers, category);
    }
    let key = record.key.and_then(|key| std::str::from_utf8(key).ok());
    let named = key.and_then(|key| StreamId::new(category.clone(), key).ok());
    let named = named.or_else(|| StreamId::new(category.clone(), ce_id).ok());
    named.map_or_else(|| Ok(StreamId::new(category, id.to_string())?), Ok)
}

/// A UUID (version 8) from the source and the id, which together identify a CloudEvent. It is an FNV-1a hash.
fn hashed(source: &str, id: &str) -> Uuid {
    let bytes = source.bytes().chain([0]).chain(id.bytes());
    let hash = bytes.fold(
        0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128,
        |hash, byte| {
            (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
        },
    );
    uuid::Builder::from_custom_bytes(hash.to_be_bytes()).into_uuid()
}

fn metadata(headers: &Headers<'_>) -> Metadata {
    // Another producer may use the same name for something that is not a UUID.
    let causation_id = headers.causation_id.optional();
    let causation_id = causation_id.and_then(|text| Uuid::parse_str(text).ok());
    Metadata::new(
        headers.correlation_id.optional().map(str::to_owned),
        causation_id.map(EventId::from_uuid),
        headers.traceparent.optional().map(str::to_owned),
        headers.application(),
    )
}

fn foreign_time(headers: &Headers<'_>, record: &Received<'_>) -> SystemTime {
    let stated = headers.time.optional().and_then(parse_time);
    stated.unwrap_or_else(|| {
        let millis = record.timestamp.unwrap_or(0);
        let from_epoch = Duration::from_millis(millis.unsigned_abs());
        let time = if millis < 0 {
            UNIX_EPOCH.checked_sub(from_epoch)
        } else {
            UNIX_EPOCH.checked_add(from_epoch)
        };
        time.unwrap_or(UNIX_EPOCH)
    })
}

/// Any time of RFC 3339 (years 0 to 9999) that a `SystemTime` can hold: on Unix all of them, on Windows those from 1601.
fn parse_time(text: &str) -> Option<SystemTime> {
    let parsed = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let from_epoch = parsed - OffsetDateTime::UNIX_EPOCH;
    if from_epoch.is_negative() {
        UNIX_EPOCH.checked_sub(from_epoch.unsigned_abs())
    } else {
        UNIX_EPOCH.checked_add(from_epoch.unsigned_abs())
    }
}
