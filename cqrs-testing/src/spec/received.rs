//! The events that a view or reactor under test receives, and their source.

use std::{fmt::Debug, time::SystemTime};

use cqrs_core::{Event, Metadata, RecordedEvent, roles::Events};

use super::{
    calls::Calls,
    recorded::{Content, Recorder, check_category},
    source::{self, raw, source, sources, time, type_name},
};

/// All events so far, and how the next ones are recorded.
#[derive(Debug, Default)]
pub(super) struct Received {
    recorder: Recorder,
    events: Vec<RecordedEvent>,
    pub(super) calls: Calls,
}

impl Received {
    pub(super) fn at(&mut self, recorded_at: SystemTime) {
        self.calls.add("at", &time(recorded_at));
        self.recorder.at = recorded_at;
    }

    pub(super) fn header(&mut self, name: &str, value: &str) {
        self.calls.add("header", &format!("{name:?}, {value:?}"));
        let headers = &mut self.recorder.metadata.headers;
        headers.insert(name.to_owned(), value.to_owned());
    }

    pub(super) fn metadata(&mut self, metadata: Metadata) {
        self.calls.add("metadata", &source::metadata(&metadata));
        self.recorder.metadata = metadata;
    }

    /// Records events for a reader of `R`.
    #[track_caller]
    pub(super) fn given<R: Events, E: Event + Debug>(
        &mut self,
        id: &str,
        events: &[E],
    ) -> Vec<RecordedEvent> {
        self.calls
            .add("given", &format!("{id:?}, {}", sources(events)));
        let record = |event| self.record::<R, E>(id, event);
        events.iter().map(record).collect()
    }

    /// Records an event of this type, schema version and payload, for a reader of `R`.
    #[track_caller]
    pub(super) fn stored<R: Events, E: Event>(
        &mut self,
        call: &str,
        id: &str,
        (event_type, schema_version, payload): (&str, u32, &str),
    ) -> RecordedEvent {
        let call = format!("{call}::<{}>", type_name::<E>().unwrap_or("Event"));
        let stored = format!("{event_type:?}, {schema_version}, {}", raw(payload));
        self.calls.add(&call, &format!("{id:?}, {stored}"));
        let content = Content::stored::<E>(event_type, schema_version, payload);
        let recorded = self.keep::<R>(id, content);
        recorded.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Records the event that the specification is about.
    #[track_caller]
    pub(super) fn when<R: Events, E: Event + Debug>(
        &mut self,
        id: &str,
        event: &E,
    ) -> RecordedEvent {
        let arguments = format!("{id:?}, {}", source(event));
        self.calls.add("when", &arguments);
        self.record::<R, E>(id, event)
    }

    /// Records the event whose command was rejected.
    #[track_caller]
    pub(super) fn when_rejected<R: Events, E: Event + Debug>(
        &mut self,
        id: &str,
        event: &E,
    ) -> RecordedEvent {
        self.calls.placeholder("rejection");
        let arguments = format!("{id:?}, {}, &rejection", source(event));
        self.calls.add("when_rejected", &arguments);
        self.record::<R, E>(id, event)
    }

    /// All events so far.
    pub(super) fn again(&mut self, call: &str) -> Vec<RecordedEvent> {
        self.calls.add(call, "");
        self.events.clone()
    }

    /// The last events.
    pub(super) fn again_last(&mut self, count: usize) -> Vec<RecordedEvent> {
        self.calls.add("again_last", &count.to_string());
        let first = self.events.len().saturating_sub(count);
        self.events[first..].to_vec()
    }

    #[track_caller]
    fn record<R: Events, E: Event + Debug>(&mut self, id: &str, event: &E) -> RecordedEvent {
        let recorded = Content::of(event).and_then(|content| self.keep::<R>(id, content));
        recorded.unwrap_or_else(|error| panic!("{} cannot be received: {error}", source(event)))
    }

    fn keep<R: Events>(&mut self, id: &str, content: Content) -> Result<RecordedEvent, String> {
        check_category::<R>(content.category)?;
        let recorded = self.recorder.record(id, content)?;
        self.events.push(recorded.clone());
        Ok(recorded)
    }
}

/// The methods of a specification that has a field `received: Received`.
macro_rules! recording_options {
    () => {
        /// Sets the time at which the next events are recorded; the Unix epoch by default.
        #[must_use]
        pub fn at(mut self, recorded_at: ::std::time::SystemTime) -> Self {
            self.received.at(recorded_at);
            self
        }

        /// Adds a header to the metadata of the next events.
        #[must_use]
        pub fn header(mut self, name: &str, value: &str) -> Self {
            self.received.header(name, value);
            self
        }

        /// Sets the metadata of the next events; empty by default.
        #[must_use]
        pub fn metadata(mut self, metadata: ::cqrs_core::Metadata) -> Self {
            self.received.metadata(metadata);
            self
        }
    };
}

pub(super) use recording_options;
