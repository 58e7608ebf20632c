//! Compares the events that a reader saw with the events in the store.

use std::collections::HashMap;

use crate::{
    event_set::EventSet,
    history::{Outcome, WriterHistory},
    ids::{EventOrigin, StreamNumber},
    observations::{Observations, fingerprint},
    stored::{StoredEvent, StoredEvents},
    verdict::{Verdict, Violation},
};

pub(super) struct ReaderAudit<'a> {
    pub(super) observed: &'a Observations,
    pub(super) histories: &'a [WriterHistory],
    pub(super) stored: &'a StoredEvents,
    /// The events in the store.
    pub(super) present: &'a EventSet,
    pub(super) slices: &'a HashMap<StreamNumber, u16>,
}

impl ReaderAudit<'_> {
    pub(super) fn audit(&self) -> Verdict {
        let mut verdict = Verdict::default();
        let mut expected = 0_u64;
        for (index, event) in self.stored.events.iter().enumerate() {
            if !self.is_expected(event) {
                continue;
            }
            expected = expected.wrapping_add(fingerprint(
                event.origin,
                event.stream,
                event.version.into(),
                event.position,
            ));
            if !self.observed.seen.contains(event.origin) {
                verdict.add(Violation::Lost, || self.describe_lost(index));
            }
        }
        for event in self.observed.seen.difference(self.present) {
            self.check_absent(event, &mut verdict);
        }
        let has_same_events = verdict.is_clean() && self.observed.verdict.is_clean();
        if has_same_events && expected != self.observed.fingerprint {
            verdict.add(Violation::Mismatch, || {
                format!(
                    "reader {} saw every event, but some in another stream, or at another version or position, than the store holds",
                    self.observed.reader()
                )
            });
        }
        verdict
    }

    fn is_expected(&self, event: &StoredEvent) -> bool {
        let slice = self.slices.get(&event.stream).copied();
        let options = self.observed.options;
        options.includes(event.stream, slice.unwrap_or_default())
    }

    /// An event that the reader saw and the store does not hold.
    fn check_absent(&self, event: EventOrigin, verdict: &mut Verdict) {
        let history = self.histories.get(usize::from(event.writer));
        let outcome = history.and_then(|history| history.get(event.append));
        let (violation, reason) = match outcome {
            Some((Outcome::Rejected, _)) => (
                Violation::Unexpected,
                "its append was rejected or rolled back",
            ),
            _ => (Violation::Lost, "the store no longer holds it"),
        };
        let reader = self.observed.reader();
        verdict.add(violation, || {
            format!("reader {reader} saw {event}, but {reason}")
        });
    }

    /// An event that the reader never saw, with the events that it saw around it.
    fn describe_lost(&self, index: usize) -> String {
        let events = &self.stored.events;
        let event = &events[index];
        let run = self.observed.run();
        let is_seen = |event: &&StoredEvent| {
            self.is_expected(event) && self.observed.seen.contains(event.origin)
        };
        let describe = |event: Option<&StoredEvent>| {
            event.map_or("nothing".to_owned(), |event| event.describe(run))
        };
        let before = describe(events[..index].iter().rev().find(is_seen));
        let after = describe(events[index..].iter().find(is_seen));
        format!(
            "reader {} never saw {}: {}, with {before} before and {after} after",
            self.observed.reader(),
            event.describe(run),
            self.observed.page_of(event.position)
        )
    }
}
