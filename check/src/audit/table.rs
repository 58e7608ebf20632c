//! What the store holds against what writers were told, replayed in the order of positions.

use crate::{
    books::{self, Ledger, Once, Outcome, Part},
    marks::{Marks, Versions, events_of},
    names::{EventNumber, Run},
    truth::{Fact, Truth},
    verdict::{Kind, Verdict},
};

/// What became of the appends whose outcome was unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settled {
    /// They had happened.
    pub happened: u64,
    /// They had not.
    pub not: u64,
}

pub(super) struct Table<'a> {
    run: Run,
    books: &'a [Ledger],
    /// Which events are there.
    pub(super) present: Marks,
    pub(super) verdict: Verdict,
    pub(super) settled: Settled,
    /// Each stream's version at this point of the log.
    versions: Versions,
    position: u64,
}

impl<'a> Table<'a> {
    pub(super) fn new(run: Run, books: &'a [Ledger]) -> Self {
        Self {
            run,
            books,
            present: Marks::default(),
            verdict: Verdict::default(),
            settled: Settled::default(),
            versions: Versions::default(),
            position: 0,
        }
    }

    pub(super) fn audit(&mut self, truth: &Truth) {
        for stranger in &truth.strangers {
            self.verdict.add(Kind::Appeared, || {
                format!("the store holds {stranger}, which nobody wrote")
            });
        }
        for fact in &truth.facts {
            self.replay(*fact);
        }
        for (writer, ledger) in (0_u16..).zip(self.books) {
            for (append, outcome, parts) in ledger.iter() {
                self.settle(writer, append, outcome, parts);
            }
            for once in &ledger.once {
                self.count(writer, ledger, *once);
            }
        }
    }

    fn replay(&mut self, fact: Fact) {
        let run = self.run;
        let before = self.versions.meet(fact.stream, fact.version);
        if fact.version != before + 1 {
            self.verdict.add(Kind::Gap, || {
                format!(
                    "{} comes behind version {before} of its stream",
                    fact.told(run)
                )
            });
        }
        if fact.position <= self.position {
            self.verdict.add(Kind::Doubled, || {
                format!("{} has a position that another event has", fact.told(run))
            });
        }
        self.position = fact.position;
        if !self.present.mark(fact.number) {
            self.verdict.add(Kind::Doubled, || {
                format!("the store holds {} twice", fact.told(run))
            });
        }
        let ledger = self.books.get(usize::from(fact.number.writer));
        match ledger.and_then(|ledger| ledger.get(fact.number.append)) {
            None => self.verdict.add(Kind::Appeared, || {
                format!("the store holds {}, which nobody wrote", fact.told(run))
            }),
            Some((Outcome::Refused, _)) => self.verdict.add(Kind::Appeared, || {
                format!(
                    "the store holds {}, whose append was refused, rolled back or dropped",
                    fact.told(run)
                )
            }),
            Some((_, parts)) => self.compare(fact, parts),
        }
    }

    /// An event with its append: the stream, the answer, and the guards at this point of the log.
    fn compare(&mut self, fact: Fact, parts: &[Part]) {
        let run = self.run;
        let Some((part, behind)) = books::part_of(parts, fact.number.index) else {
            return self.verdict.add(Kind::Appeared, || {
                format!(
                    "the store holds {}, which its append did not have",
                    fact.told(run)
                )
            });
        };
        let answered = |answer: Option<u64>| answer.map_or("nothing".to_owned(), |a| a.to_string());
        if part.stream != fact.stream {
            self.verdict.add(Kind::Disagrees, || {
                format!(
                    "{} was written to stream {}",
                    fact.told(run),
                    part.stream.id()
                )
            });
        }
        let version = u64::from(fact.version) + u64::from(behind);
        if part.version.is_some_and(|answer| answer != version) {
            self.verdict.add(Kind::Disagrees, || {
                let answer = answered(part.version);
                format!(
                    "{}: its append was said to end at version {answer}, it ends at {version}",
                    fact.told(run)
                )
            });
        }
        if behind == 0 && part.position.is_some_and(|answer| answer != fact.position) {
            self.verdict.add(Kind::Disagrees, || {
                let answer = answered(part.position);
                format!("{} was said to be at position {answer}", fact.told(run))
            });
        }
        for guard in parts.iter().filter(|part| part.events == 0) {
            let held = u64::from(self.versions.of(guard.stream));
            if guard.version.is_some_and(|answer| answer != held) {
                self.verdict.add(Kind::Disagrees, || {
                    let (stream, answer) = (guard.stream.id(), answered(guard.version));
                    format!(
                        "{} was guarded by {stream} at version {answer}, which was at {held}",
                        fact.told(run)
                    )
                });
            }
        }
    }

    /// An append, now that everything has been replayed: is all of it there, or nothing, as it should be?
    fn settle(&mut self, writer: u16, append: u32, outcome: Outcome, parts: &[Part]) {
        let (all, there) = (books::all_bits(parts), self.present.of(writer, append));
        if there != 0 && there != all && outcome != Outcome::Refused {
            self.verdict.add(Kind::Torn, || {
                let (some, whole) = (there.count_ones(), all.count_ones());
                format!(
                    "{some} of the {whole} events of append {append} of writer {writer} are there"
                )
            });
        }
        match outcome {
            Outcome::Refused => {}
            Outcome::Acknowledged => {
                for event in events_of(writer, append, all & !there) {
                    self.verdict.add(Kind::Lost, || missing(event, parts));
                }
            }
            Outcome::Unknown if there != 0 => self.settled.happened += 1,
            Outcome::Unknown => self.settled.not += 1,
        }
    }

    /// What was sent under one key, however often, is there once.
    fn count(&mut self, writer: u16, ledger: &Ledger, once: Once) {
        let there = |append: &u32| self.present.of(writer, *append) != 0;
        let made = once.appends().filter(there).count();
        let has_events = |append| {
            ledger
                .get(append)
                .is_some_and(|(_, parts)| books::all_bits(parts) != 0)
        };
        let appends = || once.appends().collect::<Vec<_>>();
        if made > 1 {
            self.verdict.add(Kind::Doubled, || {
                let appends = appends();
                format!("appends {appends:?} of writer {writer} were sent under one key, and {made} of them are there")
            });
        }
        if made == 0 && once.owed && once.appends().any(has_events) {
            self.verdict.add(Kind::Lost, || {
                let appends = appends();
                format!("one of the appends {appends:?} of writer {writer}, sent under one key, was acknowledged, and none is there")
            });
        }
    }
}

/// An event that was acknowledged and is nowhere.
fn missing(event: EventNumber, parts: &[Part]) -> String {
    let Some((part, behind)) = books::part_of(parts, event.index) else {
        return format!("the store does not hold {event}");
    };
    let version = part
        .version
        .unwrap_or_default()
        .saturating_sub(u64::from(behind));
    let (stream, position) = (part.stream.id(), part.position.unwrap_or_default());
    format!(
        "{event} was acknowledged as {stream}@{version}, its append up to position {position}, and the store does not hold it"
    )
}
