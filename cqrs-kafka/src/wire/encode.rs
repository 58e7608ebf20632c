//! Encodes an event as headers.

use std::{
    fmt::Write,
    time::{SystemTime, UNIX_EPOCH},
};

use cqrs_core::{RecordedEvent, model::Lane};
use time::OffsetDateTime;

use super::{
    WireError, header,
    headers::{check_length, invalid},
};

/// Calls `put` with each header of the event, in the order of the table in [`wire`](super). Those of the application come last.
///
/// # Errors
/// [`WireError::Time`] when the event was recorded before the year 0 or after 9999, [`WireError::TooLong`] when a header
/// would be longer than [`MAX_HEADER_BYTES`](super::MAX_HEADER_BYTES), and [`WireError::Invalid`] when the event has no
/// type.
pub fn encode(
    event: &RecordedEvent,
    prefix: &str,
    lane: &Lane,
    mut put: impl FnMut(&str, &[u8]),
) -> Result<(), WireError> {
    let mut text = Text(String::with_capacity(64));
    let category = event.stream.category();
    let mut checked = |name, value: &str| -> Result<(), WireError> {
        check_length(name, value.as_bytes())?;
        put(name, value.as_bytes());
        Ok(())
    };
    if event.event_type.is_empty() {
        let reason = "the event has no type";
        return Err(invalid(header::TYPE, category.as_str(), reason));
    }
    checked(header::CONTENT_TYPE, "application/json")?;
    checked(header::SPEC_VERSION, "1.0")?;
    checked(header::ID, text.of(format_args!("{}", event.id)))?;
    checked(header::SOURCE, text.source(prefix, category.as_str()))?;
    checked(
        header::TYPE,
        text.of(format_args!("{category}.{}", event.event_type)),
    )?;
    checked(header::SUBJECT, event.stream.id())?;
    checked(header::TIME, text.time(event.recorded_at)?)?;
    checked(
        header::POSITION,
        text.of(format_args!("{}", event.position)),
    )?;
    checked(header::VERSION, text.of(format_args!("{}", event.version)))?;
    checked(
        header::SCHEMA_VERSION,
        text.of(format_args!("{}", event.schema_version)),
    )?;
    checked(header::LANE, lane.as_str())?;
    let metadata = &event.metadata;
    if let Some(correlation_id) = &metadata.correlation_id {
        checked(header::CORRELATION_ID, correlation_id)?;
    }
    if let Some(causation_id) = metadata.causation_id {
        checked(
            header::CAUSATION_ID,
            text.of(format_args!("{causation_id}")),
        )?;
    }
    if let Some(traceparent) = &metadata.traceparent {
        checked(header::TRACEPARENT, traceparent)?;
    }
    for (name, value) in &metadata.headers {
        let name = format_args!("{}{name}", header::APPLICATION);
        put(text.of(name), value.as_bytes());
    }
    Ok(())
}

/// The time in UTC, if it is in the years 0 to 9999, for which RFC 3339 has a form.
fn utc(time: SystemTime) -> Option<OffsetDateTime> {
    let epoch = OffsetDateTime::UNIX_EPOCH;
    let utc = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => epoch.checked_add(after.try_into().ok()?),
        Err(error) => epoch.checked_sub(error.duration().try_into().ok()?),
    };
    utc.filter(|utc| (0..=9999).contains(&utc.year()))
}

/// A buffer that is used again for each value.
struct Text(String);

impl Text {
    fn of(&mut self, arguments: std::fmt::Arguments<'_>) -> &str {
        self.0.clear();
        self.0
            .write_fmt(arguments)
            .expect("writing into memory cannot fail");
        &self.0
    }

    fn source(&mut self, prefix: &str, category: &str) -> &str {
        if prefix.is_empty() {
            self.of(format_args!("/{category}"))
        } else {
            self.of(format_args!("/{prefix}/{category}"))
        }
    }

    fn time(&mut self, time: SystemTime) -> Result<&str, WireError> {
        let utc = utc(time).ok_or(WireError::Time)?;
        let date = utc.date();
        let hour = utc.hour();
        let minute = utc.minute();
        let second = utc.second();
        let micros = utc.microsecond();
        Ok(self.of(format_args!(
            "{date}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z"
        )))
    }
}
