//! The headers of a record that belong to an event.

use std::collections::BTreeMap;

use cqrs_core::model::{self, InvalidName};

use super::{MAX_HEADER_BYTES, MAX_HEADERS, WireError, header};

/// How much of a value a message shows.
const SHOWN_CHARS: usize = 100;

/// One header: its name, and what the record has of it.
pub(super) struct Value<'a> {
    pub(super) name: &'static str,
    /// The first value; a header without a value has an empty one.
    first: &'a [u8],
    count: usize,
    /// Whether the header occurs with different values.
    differs: bool,
}

impl<'a> Value<'a> {
    const fn missing(name: &'static str) -> Self {
        Self {
            name,
            first: &[],
            count: 0,
            differs: false,
        }
    }

    fn add(&mut self, value: &'a [u8]) {
        if self.count == 0 {
            self.first = value;
        }
        self.differs |= value != self.first;
        self.count += 1;
    }

    pub(super) const fn is_present(&self) -> bool {
        self.count > 0
    }

    /// Whether the header is missing, or has no value.
    pub(super) const fn is_empty(&self) -> bool {
        self.first.is_empty() && !self.differs
    }

    /// The value of a header that must occur once.
    pub(super) fn required(&self) -> Result<&'a str, WireError> {
        match self.count {
            0 => return Err(WireError::Missing(self.name)),
            1 => {}
            _ => return Err(WireError::Twice(self.name)),
        }
        check_length(self.name, self.first)?;
        match std::str::from_utf8(self.first) {
            Err(_) => Err(self.invalid("not UTF-8")),
            Ok("") => Err(self.invalid("must not be empty")),
            Ok(text) => Ok(text),
        }
    }

    /// The value of a header that no guarantee depends on. It is ignored if it is empty, too long or not text, or if it
    /// occurs with different values.
    pub(super) fn optional(&self) -> Option<&'a str> {
        self.text().filter(|text| !text.is_empty())
    }

    /// Like [`optional`](Self::optional), but it may be empty.
    fn text(&self) -> Option<&'a str> {
        if self.differs || check_length(self.name, self.first).is_err() {
            return None;
        }
        let text = std::str::from_utf8(self.first).ok()?;
        // No store accepts NUL in a text, and an event that this one causes inherits its metadata.
        (!text.contains('\0')).then_some(text)
    }

    /// A number that a log can have. SQL's integers end at `i64::MAX`.
    pub(super) fn number(&self) -> Result<u64, WireError> {
        let parsed: Option<i64> = self.required()?.parse().ok();
        parsed
            .and_then(|number| u64::try_from(number).ok())
            .ok_or_else(|| self.invalid(format!("not a number from 0 to {}", i64::MAX)))
    }

    pub(super) fn invalid(&self, reason: impl Into<String>) -> WireError {
        invalid(self.name, &String::from_utf8_lossy(self.first), reason)
    }

    pub(super) fn invalid_name(&self, source: InvalidName) -> WireError {
        WireError::InvalidName {
            header: self.name,
            value: shown(&String::from_utf8_lossy(self.first)),
            source,
        }
    }
}

/// Checks the length of a header's value.
pub(super) fn check_length(header: &'static str, value: &[u8]) -> Result<(), WireError> {
    if value.len() > MAX_HEADER_BYTES {
        return Err(WireError::TooLong {
            header,
            bytes: value.len(),
            limit: MAX_HEADER_BYTES,
        });
    }
    Ok(())
}

/// The beginning of a text, for a message.
fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS).collect()
}

pub(super) fn invalid(header: &'static str, value: &str, reason: impl Into<String>) -> WireError {
    WireError::Invalid {
        header,
        value: shown(value),
        reason: reason.into(),
    }
}

macro_rules! headers {
    ($($field:ident = $name:path),+ $(,)?) => {
        /// The headers that belong to an event.
        pub(super) struct Headers<'a> {
            $(pub(super) $field: Value<'a>,)+
            /// Those of the application, by their names without the prefix.
            application: BTreeMap<&'a str, Value<'a>>,
        }

        impl<'a> Headers<'a> {
            fn empty() -> Self {
                Self { $($field: Value::missing($name),)+ application: BTreeMap::new() }
            }

            fn named(&mut self, name: &'a str) -> Option<&mut Value<'a>> {
                match name {
                    $($name => Some(&mut self.$field),)+
                    _ => self.of_application(name),
                }
            }
        }
    };
}

headers! {
    content_type = header::CONTENT_TYPE,
    spec_version = header::SPEC_VERSION,
    id = header::ID,
    source = header::SOURCE,
    event_type = header::TYPE,
    subject = header::SUBJECT,
    time = header::TIME,
    position = header::POSITION,
    version = header::VERSION,
    schema_version = header::SCHEMA_VERSION,
    lane = header::LANE,
    correlation_id = header::CORRELATION_ID,
    causation_id = header::CAUSATION_ID,
    traceparent = header::TRACEPARENT,
}

impl<'a> Headers<'a> {
    fn of_application(&mut self, name: &'a str) -> Option<&mut Value<'a>> {
        let name = name.strip_prefix(header::APPLICATION)?;
        let new = || Value::missing(header::APPLICATION);
        Some(self.application.entry(name).or_insert_with(new))
    }

    /// The headers of the application. No guarantee depends on them.
    pub(super) fn application(&self) -> model::Headers {
        let readable = |(name, value): (&&str, &Value<'_>)| {
            Some(((*name).to_owned(), value.text()?.to_owned()))
        };
        self.application.iter().filter_map(readable).collect()
    }

    pub(super) fn collect(
        headers: impl IntoIterator<Item = (&'a str, Option<&'a [u8]>)>,
    ) -> Result<Self, WireError> {
        let mut found = Self::empty();
        for (index, (name, value)) in headers.into_iter().enumerate() {
            if index >= MAX_HEADERS {
                return Err(WireError::TooManyHeaders { limit: MAX_HEADERS });
            }
            if let Some(header) = found.named(name) {
                header.add(value.unwrap_or_default());
            }
        }
        Ok(found)
    }

    pub(super) fn check_format(&self) -> Result<(), WireError> {
        let media_type = self.content_type.optional().unwrap_or("application/json");
        let bare = media_type.split(';').next().unwrap_or_default().trim();
        let bare = bare.to_ascii_lowercase();
        if bare.starts_with("application/cloudevents") {
            return Err(WireError::Structured(shown(media_type)));
        }
        let spec_version = self.spec_version.required()?;
        if spec_version != "1.0" {
            return Err(self.spec_version.invalid("only 1.0 is supported"));
        }
        let is_json = matches!(bare.as_str(), "application/json" | "text/json")
            || (bare.starts_with("application/") && bare.ends_with("+json"));
        if !is_json {
            return Err(self.content_type.invalid("only JSON is supported"));
        }
        Ok(())
    }

    /// Whether a relay has written the record. Then its headers must be those of a relay.
    pub(super) const fn is_from_relay(&self) -> bool {
        self.lane.is_present()
    }
}
