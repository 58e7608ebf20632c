//! Specifications of aggregates: given events, when a command, then events, a rejection or a state.

mod outcome;

use std::{
    fmt::{self, Debug},
    time::SystemTime,
};

use cqrs_core::{Aggregate, Context, Metadata, RecordedEvent, Version};
use serde::{Serialize, de::DeserializeOwned};

pub use self::outcome::Outcome;
use super::{
    calls::Calls,
    failure::{differ, pretty},
    recorded::{Content, Recorder, envelopes},
    source::{self, constructor, raw, source, sources, time},
};

/// The default id of the aggregate.
const ID: &str = "spec";

/// A specification of an aggregate, `Spec::<Account>::new()`. [`Spec::view`] and [`Spec::reactor`] start those of the other
/// roles.
///
/// ```
/// # use cqrs_core::prelude::*;
/// # use cqrs_testing::Spec;
/// # #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
/// # enum SeatEvent { Booked { visitor: String } }
/// # impl Event for SeatEvent { const CATEGORY: &'static str = "seat"; }
/// # #[derive(Debug, PartialEq, thiserror::Error)] #[error("the seat is taken")] struct Taken;
/// # #[derive(Default)] struct Seat { taken: bool }
/// # impl Aggregate for Seat {
/// #     type Command = String; type Event = SeatEvent; type Error = Taken;
/// #     fn handle(&self, visitor: String, _: &Context) -> Decision<Self> {
/// #         if self.taken { Err(Taken) } else { Ok(vec![SeatEvent::Booked { visitor }]) }
/// #     }
/// #     fn apply(&mut self, _: SeatEvent) { self.taken = true }
/// # }
/// let booked = || SeatEvent::Booked { visitor: "ada".to_owned() };
/// Spec::<Seat>::new().when("ada".to_owned()).then([booked()]);
/// Spec::<Seat>::new().given([booked()]).when("bob".to_owned()).then_rejected(Taken);
/// Spec::<Seat>::new().given([booked()]).then_state_has(|seat| seat.taken, true);
/// ```
pub struct Spec<A = ()> {
    state: A,
    context: Context,
    recorder: Recorder,
    calls: Calls,
}

impl<A> Debug for Spec<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spec")
            .field("context", &self.context)
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}

impl<A: Aggregate> Default for Spec<A> {
    fn default() -> Self {
        let recorder = Recorder::default();
        let context = Context::new(ID, Version::EMPTY, recorder.at, Metadata::default());
        Self {
            state: A::default(),
            context,
            recorder,
            calls: Calls::default(),
        }
    }
}

impl<A: Aggregate> Spec<A> {
    /// Specifies an aggregate: given events, when a command, then events.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the aggregate's id; `spec` by default.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        self.calls.add("id", &format!("{id:?}"));
        self.context.id = id.into();
        self
    }

    /// Sets the command's time; the Unix epoch by default.
    #[must_use]
    pub fn at(mut self, now: SystemTime) -> Self {
        self.calls.add("at", &time(now));
        self.context.now = now;
        self.recorder.at = now;
        self
    }

    /// Adds a header to the metadata of the command, and of the events that are given after this call.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.calls.add("header", &format!("{name:?}, {value:?}"));
        let headers = &mut self.context.metadata.headers;
        headers.insert(name.to_owned(), value.to_owned());
        self.recorder.metadata.clone_from(&self.context.metadata);
        self
    }

    /// Sets the metadata of the command, and of the events that are given after this call; empty by default.
    #[must_use]
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.calls.add("metadata", &source::metadata(&metadata));
        self.context.metadata = metadata.clone();
        self.recorder.metadata = metadata;
        self
    }

    /// Adds events before the command. They are encoded and decoded, as in a store.
    #[must_use]
    #[track_caller]
    pub fn given(mut self, events: impl IntoIterator<Item = A::Event>) -> Self
    where
        A::Event: Debug,
    {
        let events = Vec::from_iter(events);
        self.calls.add("given", &sources(&events));
        for event in &events {
            let recorded = self.recorded(event);
            self.apply(&recorded);
        }
        self
    }

    /// Adds an event as it is stored, of an older shape for example: its type, its schema version, and its payload as JSON.
    /// It reaches the aggregate through the upcasters.
    #[must_use]
    #[track_caller]
    pub fn given_stored(mut self, event_type: &str, schema_version: u32, payload: &str) -> Self {
        let arguments = format!("{event_type:?}, {schema_version}, {}", raw(payload));
        self.calls.add("given_stored", &arguments);
        let content = Content::stored::<A::Event>(event_type, schema_version, payload);
        let recorded = self.recorder.record(&self.context.id, content);
        let recorded = recorded.unwrap_or_else(|error| panic!("{error}"));
        self.apply(&recorded);
        self
    }

    /// Writes the state as JSON and reads it back, as a snapshot does. It must not change anything.
    #[must_use]
    #[track_caller]
    pub fn snapshot(mut self) -> Self
    where
        A: Serialize + DeserializeOwned,
    {
        self.calls.add("snapshot", "");
        self.state = through_json(&self.state).unwrap_or_else(|error| panic!("{error}"));
        self
    }

    /// Expects that all events were read and applied, whatever the state is then: what [`given`](Self::given) and
    /// [`given_stored`](Self::given_stored) expect by themselves.
    pub fn then_readable(self) {}

    /// Sends the command to the aggregate.
    #[track_caller]
    pub fn when(mut self, command: A::Command) -> Outcome<A>
    where
        A::Command: Debug,
        A::Event: Debug,
    {
        self.calls.add("when", &source(&command));
        let decision = self.state.handle(command, &self.context);
        let decided = decision.map(|events| events.iter().map(|e| self.recorded(e)).collect());
        Outcome::new(self, decided)
    }

    /// Expects this state after the events.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "takes a value, like `then`")]
    pub fn then_state(self, expected: A)
    where
        A: Debug + PartialEq,
    {
        if self.state != expected {
            let passing = self.test(&format!("then_state({})", source(&self.state)));
            differ("states", &pretty(&expected), &pretty(&self.state), &passing);
        }
    }

    /// Expects that a property of the state after the events has this value.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "takes a value, like `then`")]
    pub fn then_state_has<T: Debug + PartialEq>(
        mut self,
        property: impl FnOnce(&A) -> T,
        expected: T,
    ) {
        let actual = property(&self.state);
        if actual != expected {
            self.calls.placeholder("property");
            let passing = self.test(&format!("then_state_has(property, {})", source(&actual)));
            differ("states", &pretty(&expected), &pretty(&actual), &passing);
        }
    }

    /// The event as a store would record it next.
    #[track_caller]
    fn recorded(&mut self, event: &A::Event) -> RecordedEvent
    where
        A::Event: Debug,
    {
        let content = Content::of(event);
        let recorded = content.and_then(|content| self.recorder.record(&self.context.id, content));
        recorded.unwrap_or_else(|error| panic!("{} cannot be stored: {error}", source(event)))
    }

    #[track_caller]
    fn apply(&mut self, recorded: &RecordedEvent) {
        for event in decoded::<A>(recorded) {
            self.state.apply(event);
        }
        self.context.version = recorded.version;
    }

    fn test(&self, expectation: &str) -> String {
        self.calls.test(&constructor::<A>(), expectation)
    }
}

/// The state, written as JSON and read back, as a snapshot does.
pub(crate) fn through_json<A: Serialize + DeserializeOwned>(state: &A) -> Result<A, String> {
    let json = serde_json::to_string(state)
        .map_err(|error| format!("the state cannot be written as JSON: {error}"))?;
    serde_json::from_str(&json)
        .map_err(|error| format!("the state cannot be read back: {error}; it is {json}"))
}

/// The event as the aggregate reads it.
#[track_caller]
fn decoded<A: Aggregate>(recorded: &RecordedEvent) -> Vec<A::Event> {
    let envelopes = envelopes::<A::Event>(recorded).unwrap_or_else(|error| panic!("{error}"));
    envelopes.into_iter().map(|read| read.event).collect()
}

#[cfg(test)]
mod tests;
