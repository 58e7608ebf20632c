//! The versions of the streams that a client saw last. They may be stale.

use cqrs_core::{ExpectedVersion, Version};

use super::super::{
    history::{Call, EventNumber, Outcome, Participant, Rejection, Stream},
    program::Expects,
};

/// The version of each stream, and its last event if known.
pub(super) struct LastSeen(Vec<(Version, Option<EventNumber>)>);

impl LastSeen {
    pub(super) fn nothing_of(streams: usize) -> Self {
        Self(vec![(Version::EMPTY, None); streams])
    }

    pub(super) fn version(&self, stream: Stream) -> Version {
        self.0[stream.0].0
    }

    pub(super) fn expected(&self, stream: Stream, expects: Expects) -> ExpectedVersion {
        let (version, event) = self.0[stream.0];
        match expects {
            Expects::Anything => ExpectedVersion::Any,
            Expects::NoStream => ExpectedVersion::NoStream,
            Expects::StreamExists => ExpectedVersion::StreamExists,
            Expects::LastSeen => ExpectedVersion::Exact(version),
            Expects::LastSeenEvent => match event {
                Some(event) => ExpectedVersion::LastEvent(version, event.as_id()),
                None => ExpectedVersion::Exact(version),
            },
            Expects::OtherEvent => {
                ExpectedVersion::LastEvent(version, EventNumber::FOREIGN.as_id())
            }
            Expects::OneMore => ExpectedVersion::Exact(version.plus(1)),
            Expects::OneLess => {
                ExpectedVersion::Exact(Version::new(version.get().saturating_sub(1)))
            }
        }
    }

    /// Updates the versions from an outcome.
    pub(super) fn note(&mut self, call: &Call) {
        match call {
            Call::Read {
                of,
                outcome: Outcome::Given(events),
                ..
            } => {
                if let Some((version, event)) = events.last() {
                    self.0[of.0] = (*version, Some(*event));
                }
            }
            Call::Append {
                to,
                outcome: Outcome::Given(Ok(results)),
                ..
            } => {
                for one in results.iter().filter(|one| !one.repeated) {
                    let participant = to
                        .iter()
                        .find(|participant| participant.stream == one.stream);
                    self.moved(one.stream, one.version, participant.and_then(last));
                }
            }
            Call::Append {
                outcome: Outcome::Given(Err(Rejection::Conflict { stream, actual })),
                ..
            } => self.moved(*stream, *actual, None),
            Call::Append { .. } | Call::Read { .. } | Call::Lookup { .. } => {}
        }
    }

    fn moved(&mut self, stream: Stream, version: Version, last: Option<EventNumber>) {
        match self.0.get_mut(stream.0) {
            Some(seen) if seen.0 != version || last.is_some() => *seen = (version, last),
            // The same version, so the event stays as it is; or a foreign stream.
            _ => {}
        }
    }
}

fn last(participant: &Participant) -> Option<EventNumber> {
    participant.events.last().copied()
}
