//! What a reader of the log has seen, in as few bytes as it takes to prove that nothing is missing.

use std::time::Duration;

use cqrs_core::{
    Position, RecordedEvent,
    model::{Reads, Slices},
    ports::{LogPage, LogQuery},
};

use crate::{
    marks::{Marks, Versions},
    names::{EventNumber, Run, StreamNumber},
    verdict::{Kind, Verdict},
};

/// What a reader asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taste {
    /// The slices it reads.
    pub(crate) slices: Slices,
    /// The categories it reads; empty for all.
    pub(crate) reads: &'static [Reads],
    /// The largest page it asks for.
    pub(crate) page: usize,
}

impl Taste {
    /// Whether events of this stream, which lies in this slice, are asked for.
    pub(crate) fn wants(&self, stream: StreamNumber, slice: u16) -> bool {
        let all = self.reads.is_empty();
        self.slices.contains(slice) && (all || stream.is_hot())
    }

    /// A page behind this position.
    pub(crate) fn query(&self, after: u64, limit: usize) -> LogQuery<'static> {
        LogQuery {
            after: Position::new(after),
            reads: self.reads,
            slices: self.slices,
            limit,
        }
    }
}

/// Where one page began and ended, and when it came.
#[derive(Debug, Clone, Copy)]
struct Page {
    after: u64,
    upto: u64,
    events: u32,
    at_millis: u32,
}

/// One reader's books.
#[derive(Debug)]
pub(crate) struct Sightings {
    /// What it asks for.
    pub(crate) taste: Taste,
    /// Which events it has met.
    pub(crate) seen: Marks,
    /// How many.
    pub(crate) events: u64,
    /// A sum over what it has met, and where. Equal for two readers that have met the same, in whatever order.
    pub(crate) fingerprint: u64,
    /// What it noticed itself.
    pub(crate) verdict: Verdict,
    run: Run,
    name: usize,
    /// The position up to which it has read.
    place: u64,
    versions: Versions,
    pages: Vec<Page>,
    /// A version was left out.
    skipped: bool,
}

impl Sightings {
    /// Nothing seen yet; the reader's name is a number.
    pub(crate) fn new(run: Run, name: usize, taste: Taste) -> Self {
        Self {
            taste,
            seen: Marks::default(),
            events: 0,
            fingerprint: 0,
            verdict: Verdict::default(),
            run,
            name,
            place: 0,
            versions: Versions::default(),
            pages: Vec::new(),
            skipped: false,
        }
    }

    /// The run whose events it knows.
    pub(crate) const fn run(&self) -> Run {
        self.run
    }

    /// The reader's number.
    pub(crate) const fn name(&self) -> usize {
        self.name
    }

    /// The position up to which the log has been read.
    pub(crate) const fn place(&self) -> u64 {
        self.place
    }

    /// Whether nothing odd was met so far.
    pub(crate) fn is_sound(&self) -> bool {
        !self.skipped && self.verdict.is_clean()
    }

    /// Takes a page that was read behind the place, at this time of the run.
    pub(crate) fn take(&mut self, page: &LogPage, at: Duration) {
        let Some(upto) = page.upto.map(|checkpoint| checkpoint.offset.get()) else {
            return;
        };
        self.pages.push(Page {
            after: self.place,
            upto,
            events: u32::try_from(page.events.len()).unwrap_or(u32::MAX),
            at_millis: u32::try_from(at.as_millis()).unwrap_or(u32::MAX),
        });
        let mut last = self.place;
        for event in &page.events {
            self.meet(event, last);
            last = last.max(event.position.get());
        }
        if upto <= self.place || upto < last {
            let (name, place) = (self.name, self.place);
            self.verdict.add(Kind::Reordered, || {
                format!("reader {name} read behind position {place} up to {last} and was told to go on behind {upto}")
            });
        }
        self.place = self.place.max(upto);
    }

    fn meet(&mut self, event: &RecordedEvent, last: u64) {
        let name = self.name;
        let category = event.stream.category().as_str();
        let known = EventNumber::of(event.id, self.run)
            .zip(StreamNumber::of(category, event.stream.id()))
            .filter(|(number, _)| *event.payload == payload(*number));
        let Some((number, stream)) = known else {
            self.verdict.add(Kind::Appeared, || {
                format!(
                    "reader {name} met {event}, {}, which nobody wrote",
                    event.id
                )
            });
            return;
        };
        self.events += 1;
        self.fingerprint = self.fingerprint.wrapping_add(fingerprint(
            number,
            stream,
            event.version.get(),
            event.position.get(),
        ));
        if !self.seen.mark(number) {
            self.verdict.add(Kind::Doubled, || {
                format!("reader {name} met {event}, {}, twice", event.id)
            });
            return;
        }
        let version = u32::try_from(event.version.get()).unwrap_or(u32::MAX);
        let before = self.versions.meet(stream, version);
        if event.position.get() <= last {
            self.verdict.add(Kind::Reordered, || {
                format!("reader {name} met {event} behind position {last}")
            });
        } else if version <= before {
            self.verdict.add(Kind::Reordered, || {
                format!("reader {name} met {event} behind version {before} of its stream")
            });
        }
        // A version that was left out is either lost or comes later, out of order: the end tells.
        self.skipped |= version > before + 1;
    }

    /// In which page a position should have come, for a report.
    pub(crate) fn page_of(&self, position: u64) -> String {
        let behind = self.pages.partition_point(|page| page.upto < position);
        match self.pages.get(behind) {
            Some(page) => format!(
                "at {:.3} s it asked for what lies behind {} and got {} events up to {}",
                f64::from(page.at_millis) / 1_000.0,
                page.after,
                page.events,
                page.upto
            ),
            None => format!("it never got beyond position {}", self.place),
        }
    }
}

/// What an event carries: its own number, so that a payload that was mixed up is noticed.
pub(crate) fn payload(number: EventNumber) -> Vec<u8> {
    let EventNumber {
        writer,
        append,
        index,
    } = number;
    format!("[{writer},{append},{index}]").into_bytes()
}

/// A hash of an event and its place, to be summed up.
pub(crate) fn fingerprint(
    number: EventNumber,
    stream: StreamNumber,
    version: u64,
    position: u64,
) -> u64 {
    let event =
        u64::from(number.writer) << 48 | u64::from(number.index) << 40 | u64::from(number.append);
    [event, u64::from(stream.0), version, position]
        .into_iter()
        .fold(0, |sum, part| mix(sum ^ part))
}

/// The finalizer of SplitMix64. Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
const fn mix(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
