//! The headers of a record that belong to an event, each at most once and in UTF-8.

use cqrs_core::EventId;
use uuid::Uuid;

use super::{WireError, header};

/// One header: its name, and its value if the record has it.
pub(super) struct Value<'a> {
    pub(super) name: &'static str,
    pub(super) text: Option<&'a str>,
}

impl<'a> Value<'a> {
    pub(super) fn required(&self) -> Result<&'a str, WireError> {
        match self.text {
            None => Err(WireError::Missing(self.name)),
            Some("") => Err(self.invalid("must not be empty")),
            Some(text) => Ok(text),
        }
    }

    pub(super) fn number<N: std::str::FromStr>(&self) -> Result<N, WireError> {
        let parsed = self.required()?.parse();
        parsed.map_err(|_| self.invalid("not a number, or too large"))
    }

    pub(super) fn uuid(&self, text: &str) -> Result<EventId, WireError> {
        let parsed = Uuid::parse_str(text).map(EventId::from_uuid);
        parsed.map_err(|_| self.invalid("not a UUID"))
    }

    pub(super) fn invalid(&self, reason: impl Into<String>) -> WireError {
        invalid(self.name, self.text.unwrap_or_default(), reason)
    }
}

pub(super) fn invalid(header: &'static str, value: &str, reason: impl Into<String>) -> WireError {
    WireError::Invalid {
        header,
        value: value.chars().take(100).collect(),
        reason: reason.into(),
    }
}

macro_rules! headers {
    ($($field:ident = $name:path),+ $(,)?) => {
        /// The headers that belong to an event.
        pub(super) struct Headers<'a> { $(pub(super) $field: Value<'a>),+ }

        impl<'a> Headers<'a> {
            fn empty() -> Self {
                Self { $($field: Value { name: $name, text: None }),+ }
            }

            fn named(&mut self, name: &str) -> Option<&mut Value<'a>> {
                match name {
                    $($name => Some(&mut self.$field),)+
                    _ => None,
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
    pub(super) fn collect(
        headers: impl IntoIterator<Item = (&'a str, Option<&'a [u8]>)>,
    ) -> Result<Self, WireError> {
        let mut found = Self::empty();
        for (name, value) in headers {
            let Some(header) = found.named(name) else {
                continue;
            };
            if header.text.is_some() {
                return Err(WireError::Twice(header.name));
            }
            let bytes = value.unwrap_or_default();
            let text = std::str::from_utf8(bytes)
                .map_err(|_| invalid(header.name, &String::from_utf8_lossy(bytes), "not UTF-8"))?;
            header.text = Some(text);
        }
        Ok(found)
    }

    pub(super) fn check_format(&self) -> Result<(), WireError> {
        let media_type = self.content_type.text.unwrap_or("application/json");
        let bare = media_type.split(';').next().unwrap_or_default().trim();
        let bare = bare.to_ascii_lowercase();
        if bare.starts_with("application/cloudevents") {
            return Err(WireError::Structured(media_type.to_owned()));
        }
        let spec_version = self.spec_version.required()?;
        if spec_version != "1.0" {
            return Err(self.spec_version.invalid("only 1.0 is supported"));
        }
        if bare != "application/json"
            && !(bare.starts_with("application/") && bare.ends_with("+json"))
        {
            return Err(self.content_type.invalid("only JSON is supported"));
        }
        Ok(())
    }

    /// Whether a relay has written the record. Then it must have all of these headers.
    pub(super) fn is_from_relay(&self) -> bool {
        let extensions = [
            &self.position,
            &self.version,
            &self.schema_version,
            &self.lane,
        ];
        extensions.iter().any(|value| value.text.is_some())
    }
}
