//! Decodes a record as an event. It is strict: a record that is not an event is an error, and nothing is guessed.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use cqrs_core::{
    EventId, Metadata, Position, RecordedEvent, StreamId, Version,
    model::{self, Category, Lane},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use super::{
    WireError, header,
    headers::{Headers, Value, invalid},
};

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
/// A record of a relay gives the event as it was stored. A record without any of the headers `ce_position`, `ce_version`,
/// `ce_schemaversion` and `ce_lane` is a CloudEvent of another producer, and gives an event with these fields:
///
/// | Field | Value |
/// | --- | --- |
/// | `lane` | `None` |
/// | `position` | the offset of the record |
/// | `version`, `schema_version` | 0 and 1 |
/// | category | the last segment of `ce_source` if it is a category, otherwise the topic without the prefix |
/// | id of the stream | `ce_subject`, or the key, or `ce_id`: the first that the record has |
/// | `id` | `ce_id` if it is a UUID, otherwise a hash of `ce_source` and `ce_id`, which is always the same |
/// | `recorded_at` | `ce_time`, or the timestamp of the record |
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
/// assert_eq!(event.stream.to_string(), "payments-17");
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
    /// Any [`WireError`] except [`WireError::HeaderName`] and [`WireError::Time`].
    pub fn decode<'a>(
        &mut self,
        record: Received<'a>,
        headers: impl IntoIterator<Item = (&'a str, Option<&'a [u8]>)>,
    ) -> Result<RecordedEvent, WireError> {
        let headers = Headers::collect(headers)?;
        headers.check_format()?;
        let payload = record.payload.ok_or(WireError::NoPayload)?;
        let source = headers.source.required()?;
        let id = headers.id.required()?;
        let from_relay = headers.is_from_relay();
        let category = self.category(source, record.topic)?;
        let event_type = self.event_type(headers.event_type.required()?, category.as_str());
        let stream = StreamId::new(category, subject(&headers, &record, from_relay)?)
            .map_err(|error| headers.subject.invalid(error.to_string()))?;
        let mut event = RecordedEvent::new(
            event_id(&headers.id, source, id, from_relay)?,
            stream,
            Version::EMPTY,
            Position::new(record.offset),
            event_type,
            Bytes::copy_from_slice(payload),
            recorded_at(&headers, &record, from_relay)?,
        )
        .metadata(metadata(&headers)?);
        if from_relay {
            event.position = Position::new(headers.position.number()?);
            event.version = Version::new(headers.version.number()?);
            event.schema_version = headers.schema_version.number()?;
            event.lane = Some(self.lane(headers.lane.required()?));
        }
        Ok(event)
    }

    fn category(&mut self, source: &str, topic: &str) -> Result<Category, WireError> {
        let named = source.rsplit('/').next().unwrap_or_default();
        if let Some(known) = self
            .category
            .as_ref()
            .filter(|known| known.as_str() == named)
        {
            return Ok(known.clone());
        }
        let category = Category::new(named)
            .or_else(|_| Category::new(self.unprefixed(topic)))
            .map_err(|error| {
                invalid(
                    header::SOURCE,
                    source,
                    format!("neither it nor the topic ends in a category: {error}"),
                )
            })?;
        self.category = Some(category.clone());
        Ok(category)
    }

    fn unprefixed<'a>(&self, topic: &'a str) -> &'a str {
        topic
            .strip_prefix(self.prefix.as_str())
            .and_then(|rest| rest.strip_prefix('.'))
            .unwrap_or(topic)
    }

    fn event_type(&mut self, name: &str, category: &str) -> Arc<str> {
        let rest = name
            .strip_prefix(category)
            .and_then(|rest| rest.strip_prefix('.'));
        let event_type = rest.filter(|rest| !rest.is_empty()).unwrap_or(name);
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

fn subject<'a>(
    headers: &Headers<'a>,
    record: &Received<'a>,
    from_relay: bool,
) -> Result<&'a str, WireError> {
    if from_relay || headers.subject.text.is_some() {
        return headers.subject.required();
    }
    let key = record.key.and_then(|key| std::str::from_utf8(key).ok());
    key.filter(|key| !key.is_empty())
        .map_or_else(|| headers.id.required(), Ok)
}

fn event_id(
    value: &Value<'_>,
    source: &str,
    id: &str,
    from_relay: bool,
) -> Result<EventId, WireError> {
    match value.uuid(id) {
        Err(_) if !from_relay => Ok(EventId::from_uuid(hashed(source, id))),
        parsed => parsed,
    }
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

fn metadata(headers: &Headers<'_>) -> Result<Metadata, WireError> {
    let causation = &headers.causation_id;
    let foreign = !headers.is_from_relay();
    let causation_id = match causation.text.map(|text| causation.uuid(text)) {
        // Another producer may use the same name for something that is not a UUID.
        Some(Err(_)) if foreign => None,
        other => other.transpose()?,
    };
    Ok(Metadata::new(
        headers.correlation_id.text.map(str::to_owned),
        causation_id,
        headers.traceparent.text.map(str::to_owned),
        model::Headers::default(),
    ))
}

fn recorded_at(
    headers: &Headers<'_>,
    record: &Received<'_>,
    from_relay: bool,
) -> Result<SystemTime, WireError> {
    let time = &headers.time;
    let Some(text) = time.text else {
        if from_relay {
            return Err(WireError::Missing(time.name));
        }
        let millis = u64::try_from(record.timestamp.unwrap_or(0)).unwrap_or(0);
        return Ok(UNIX_EPOCH + Duration::from_millis(millis));
    };
    let parsed = OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|error| time.invalid(format!("not an RFC 3339 time: {error}")))?;
    let seconds =
        u64::try_from(parsed.unix_timestamp()).map_err(|_| time.invalid("before 1970"))?;
    Ok(UNIX_EPOCH + Duration::new(seconds, parsed.nanosecond()))
}
