//! Compares the events in the store with the answers that writers got, by a replay in the order of positions.

use crate::{
    event_set::{EventSet, events_of},
    history::{self, KeyedAppends, Outcome, StreamPart, WriterHistory},
    ids::{EventOrigin, RunId},
    stored::{StoredEvent, StoredEvents},
    stream_versions::StreamVersions,
    verdict::{Verdict, Violation},
};

/// How the appends with an unknown outcome ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnknownOutcomes {
    /// How many are in the store.
    pub present: u64,
    /// How many are not.
    pub absent: u64,
}

pub(super) struct StoreAudit<'a> {
    run: RunId,
    histories: &'a [WriterHistory],
    /// The events in the store.
    pub(super) present: EventSet,
    pub(super) verdict: Verdict,
    pub(super) unknown: UnknownOutcomes,
    /// The version of each stream at the current event of the replay.
    versions: StreamVersions,
    position: u64,
}

impl<'a> StoreAudit<'a> {
    pub(super) fn new(run: RunId, histories: &'a [WriterHistory]) -> Self {
        Self {
            run,
            histories,
            present: EventSet::default(),
            verdict: Verdict::default(),
            unknown: UnknownOutcomes::default(),
            versions: StreamVersions::default(),
            position: 0,
        }
    }

    pub(super) fn audit(&mut self, stored: &StoredEvents) {
        for foreign in &stored.foreign {
            self.verdict.add(Violation::Unexpected, || {
                format!("the store holds {foreign}, which nobody wrote")
            });
        }
        for event in &stored.events {
            self.replay(*event);
        }
        for (writer, history) in (0_u16..).zip(self.histories) {
            for (append, outcome, parts) in history.iter() {
                self.check_append(writer, append, outcome, parts);
            }
            for keyed in &history.keyed {
                self.check_keyed(writer, history, *keyed);
            }
        }
    }

    fn replay(&mut self, event: StoredEvent) {
        let run = self.run;
        let before = self.versions.raise(event.stream, event.version);
        if event.version != before + 1 {
            self.verdict.add(Violation::Gap, || {
                let event = event.describe(run);
                format!("{event} comes after version {before} of its stream")
            });
        }
        if event.position <= self.position {
            self.verdict.add(Violation::Duplicated, || {
                let event = event.describe(run);
                format!("{event} has the position of another event")
            });
        }
        self.position = event.position;
        if !self.present.insert(event.origin) {
            self.verdict.add(Violation::Duplicated, || {
                format!("the store holds {} twice", event.describe(run))
            });
        }
        let history = self.histories.get(usize::from(event.origin.writer));
        match history.and_then(|history| history.get(event.origin.append)) {
            None => self.verdict.add(Violation::Unexpected, || {
                format!(
                    "the store holds {}, which nobody wrote",
                    event.describe(run)
                )
            }),
            Some((Outcome::Rejected, _)) => self.verdict.add(Violation::Unexpected, || {
                format!(
                    "the store holds {}, whose append was rejected, rolled back or dropped",
                    event.describe(run)
                )
            }),
            Some((_, parts)) => self.check_event(event, parts),
        }
    }

    /// Compares an event with its append: the stream, the answer, and the read-only participants at this point of the log.
    fn check_event(&mut self, event: StoredEvent, parts: &[StreamPart]) {
        let run = self.run;
        let Some((part, after)) = history::part_of(parts, event.origin.index) else {
            return self.verdict.add(Violation::Unexpected, || {
                let event = event.describe(run);
                format!("the store holds {event}, which is not part of its append")
            });
        };
        if part.stream != event.stream {
            self.verdict.add(Violation::Mismatch, || {
                let event = event.describe(run);
                format!("{event} was written to stream {}", part.stream.id())
            });
        }
        let last_version = u64::from(event.version) + u64::from(after);
        if let Some(answer) = part.version
            && answer != last_version
        {
            self.verdict.add(Violation::Mismatch, || {
                let event = event.describe(run);
                format!(
                    "{event}: the answer says that its append ends at version {answer}, but it ends at {last_version}"
                )
            });
        }
        if let Some(answer) = part.position
            && after == 0
            && answer != event.position
        {
            self.verdict.add(Violation::Mismatch, || {
                let event = event.describe(run);
                format!("{event}: the answer says position {answer}")
            });
        }
        for participant in parts.iter().filter(|part| part.events == 0) {
            self.check_participant(event, *participant);
        }
    }

    /// A read-only participant must have the version of the answer.
    fn check_participant(&mut self, event: StoredEvent, participant: StreamPart) {
        let run = self.run;
        let actual = u64::from(self.versions.get(participant.stream));
        if let Some(answer) = participant.version
            && answer != actual
        {
            self.verdict.add(Violation::Mismatch, || {
                let event = event.describe(run);
                let stream = participant.stream.id();
                format!(
                    "{event}: its append only checked {stream}, at version {answer}, but it was at {actual}"
                )
            });
        }
    }

    /// Runs after the replay: an append must be in the store as its outcome says, as a whole or not at all.
    fn check_append(&mut self, writer: u16, append: u32, outcome: Outcome, parts: &[StreamPart]) {
        let all = history::all_bits(parts);
        let present = self.present.bits(writer, append);
        if present != 0 && present != all && outcome != Outcome::Rejected {
            self.verdict.add(Violation::Torn, || {
                let some = present.count_ones();
                let whole = all.count_ones();
                format!("{some} of the {whole} events of append {append} of writer {writer} are in the store")
            });
        }
        match outcome {
            Outcome::Rejected => {}
            Outcome::Acknowledged => {
                for event in events_of(writer, append, all & !present) {
                    self.verdict
                        .add(Violation::Lost, || describe_missing(event, parts));
                }
            }
            Outcome::Unknown if present != 0 => self.unknown.present += 1,
            Outcome::Unknown => self.unknown.absent += 1,
        }
    }

    /// At most one of the appends under one key may be in the store, and one must be if one was acknowledged.
    fn check_keyed(&mut self, writer: u16, history: &WriterHistory, keyed: KeyedAppends) {
        let is_present = |append: &u32| self.present.bits(writer, *append) != 0;
        let present = keyed.appends().filter(is_present).count();
        let has_events = |append| {
            history
                .get(append)
                .is_some_and(|(_, parts)| history::all_bits(parts) != 0)
        };
        let appends = || keyed.appends().collect::<Vec<_>>();
        if present > 1 {
            self.verdict.add(Violation::Duplicated, || {
                let appends = appends();
                format!("appends {appends:?} of writer {writer} were sent under one key, and {present} of them are in the store")
            });
        }
        if present == 0 && keyed.acknowledged && keyed.appends().any(has_events) {
            self.verdict.add(Violation::Lost, || {
                let appends = appends();
                format!("one of the appends {appends:?} of writer {writer}, sent under one key, was acknowledged, but none is in the store")
            });
        }
    }
}

/// An acknowledged event that is not in the store.
fn describe_missing(event: EventOrigin, parts: &[StreamPart]) -> String {
    let Some((part, after)) = history::part_of(parts, event.index) else {
        return format!("the store does not hold {event}");
    };
    let version = part.version.unwrap_or_default();
    let version = version.saturating_sub(u64::from(after));
    let stream = part.stream.id();
    let position = part.position.unwrap_or_default();
    format!(
        "{event} was acknowledged as {stream}@{version}, its append up to position {position}, but the store does not hold it"
    )
}
