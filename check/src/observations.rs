//! The events that a reader of the log saw, in as few bytes as a comparison needs.

use std::time::Duration;

use cqrs_core::{
    Position, RecordedEvent,
    model::{EventFilter, Slices},
    ports::{LogPage, LogQuery},
};

use crate::{
    event_set::EventSet,
    ids::{EventOrigin, RunId, StreamNumber},
    stream_versions::StreamVersions,
    verdict::{Verdict, Violation},
};

/// The part of the log that a reader reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadOptions {
    pub(crate) slices: Slices,
    /// The categories; empty for all.
    pub(crate) reads: &'static [EventFilter],
    /// The largest page.
    pub(crate) page_size: usize,
}

impl ReadOptions {
    /// Whether the reader reads the events of this stream, which is in this slice.
    pub(crate) fn includes(&self, stream: StreamNumber, slice: u16) -> bool {
        let all = self.reads.is_empty();
        self.slices.contains(slice) && (all || stream.is_hot())
    }

    pub(crate) fn query(&self, after: u64, limit: usize) -> LogQuery<'static> {
        LogQuery::new(Position::new(after), limit)
            .reads(self.reads)
            .slices(self.slices)
    }
}

/// Where a page began and ended, and when it was read.
#[derive(Debug, Clone, Copy)]
struct Page {
    after: u64,
    upto: u64,
    events: u32,
    at_millis: u32,
}

/// The observations of one reader.
#[derive(Debug)]
pub(crate) struct Observations {
    pub(crate) options: ReadOptions,
    pub(crate) seen: EventSet,
    /// A sum over the events that were seen and their places. Two readers that saw the same events have the same sum,
    /// whatever the order.
    pub(crate) fingerprint: u64,
    /// The violations that the reader noticed by itself.
    pub(crate) verdict: Verdict,
    run: RunId,
    reader: usize,
    /// The position up to which the reader has read.
    position: u64,
    versions: StreamVersions,
    pages: Vec<Page>,
    /// Whether a version of a stream was missing.
    has_gap: bool,
}

impl Observations {
    pub(crate) fn new(run: RunId, reader: usize, options: ReadOptions) -> Self {
        Self {
            options,
            seen: EventSet::default(),
            fingerprint: 0,
            verdict: Verdict::default(),
            run,
            reader,
            position: 0,
            versions: StreamVersions::default(),
            pages: Vec::new(),
            has_gap: false,
        }
    }

    pub(crate) const fn run(&self) -> RunId {
        self.run
    }

    /// The number of the reader.
    pub(crate) const fn reader(&self) -> usize {
        self.reader
    }

    /// The position up to which the reader has read.
    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    /// Whether the reader has noticed nothing wrong.
    pub(crate) fn is_clean(&self) -> bool {
        !self.has_gap && self.verdict.is_clean()
    }

    /// Records the next page, read at this time of the run.
    pub(crate) fn add_page(&mut self, page: &LogPage, at: Duration) {
        let Some(upto) = page.upto.map(|checkpoint| checkpoint.offset.get()) else {
            return;
        };
        self.pages.push(Page {
            after: self.position,
            upto,
            events: u32::try_from(page.events.len()).unwrap_or(u32::MAX),
            at_millis: u32::try_from(at.as_millis()).unwrap_or(u32::MAX),
        });
        let mut last = self.position;
        for event in &page.events {
            self.add_event(event, last);
            last = last.max(event.position.get());
        }
        if upto <= self.position || upto < last {
            let reader = self.reader;
            let after = self.position;
            self.verdict.add(Violation::Reordered, || {
                format!("reader {reader} read after position {after} up to {last}, but the page says that it ends at {upto}")
            });
        }
        self.position = self.position.max(upto);
    }

    fn add_event(&mut self, event: &RecordedEvent, last: u64) {
        let reader = self.reader;
        let category = event.stream.category().as_str();
        let known = EventOrigin::of(event.id, self.run)
            .zip(StreamNumber::of(category, event.stream.id()))
            .filter(|(origin, _)| *event.payload == payload(*origin));
        let Some((origin, stream)) = known else {
            self.verdict.add(Violation::Unexpected, || {
                let id = event.id;
                format!("reader {reader} saw {event}, {id}, which nobody wrote")
            });
            return;
        };
        self.fingerprint = self.fingerprint.wrapping_add(fingerprint(
            origin,
            stream,
            event.version.get(),
            event.position.get(),
        ));
        if !self.seen.insert(origin) {
            self.verdict.add(Violation::Duplicated, || {
                format!("reader {reader} saw {event}, {}, twice", event.id)
            });
            return;
        }
        let version = u32::try_from(event.version.get()).unwrap_or(u32::MAX);
        let before = self.versions.raise(stream, version);
        if event.position.get() <= last {
            self.verdict.add(Violation::Reordered, || {
                format!("reader {reader} saw {event} after position {last}")
            });
        } else if version <= before {
            self.verdict.add(Violation::Reordered, || {
                format!("reader {reader} saw {event} after version {before} of its stream")
            });
        }
        // The missing version is lost or comes later, out of order. The audit decides.
        self.has_gap |= version > before + 1;
    }

    /// The page that should have had this position, for a report.
    pub(crate) fn page_of(&self, position: u64) -> String {
        let index = self.pages.partition_point(|page| page.upto < position);
        match self.pages.get(index) {
            Some(page) => format!(
                "at {:.3} s it read after position {} and got {} events up to {}",
                f64::from(page.at_millis) / 1_000.0,
                page.after,
                page.events,
                page.upto
            ),
            None => format!("it never read past position {}", self.position),
        }
    }
}

/// The payload of an event: its origin, so that an event with the payload of another one is noticed.
pub(crate) fn payload(origin: EventOrigin) -> Vec<u8> {
    let EventOrigin {
        writer,
        append,
        index,
    } = origin;
    format!("[{writer},{append},{index}]").into_bytes()
}

/// A hash of an event and its place. The hashes of several events are added.
pub(crate) fn fingerprint(
    origin: EventOrigin,
    stream: StreamNumber,
    version: u64,
    position: u64,
) -> u64 {
    let event =
        u64::from(origin.writer) << 48 | u64::from(origin.index) << 40 | u64::from(origin.append);
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
