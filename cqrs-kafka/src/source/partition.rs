//! One assigned partition: the buffer between the poll thread and the reader, of events and of records that are none.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use cqrs_core::{
    RecordedEvent,
    model::{Checkpoint, Offset, PartitionId},
    ports::{Batch, SourceError, TopicRecord, UnreadableRecord},
};
use tokio::sync::{Notify, watch};

/// The size of a buffer.
#[derive(Clone, Copy)]
struct Level {
    events: usize,
    bytes: usize,
}

/// At this level the partition is paused. A pause discards what librdkafka has fetched ahead, so the two levels are far
/// apart.
const PAUSE_LEVEL: Level = Level {
    events: 10_000,
    bytes: 16 << 20,
};

/// At this level a paused partition is resumed.
const RESUME_LEVEL: Level = Level {
    events: 2_500,
    bytes: 4 << 20,
};

/// The size of the two strings of a header in addition to their bytes.
const HEADER_OVERHEAD: usize = 2 * size_of::<String>();

/// A partition that has a reader.
#[derive(Debug)]
pub(super) struct AssignedPartition {
    pub(super) topic: Arc<str>,
    pub(super) number: i32,
    buffer: Mutex<Buffer>,
    /// The records are kept beside their events.
    keeps_records: AtomicBool,
    changed: Notify,
    revoked: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Buffer {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// The lowest offset that is accepted next; `None` before the reader has started.
    next: Option<Offset>,
    /// The place up to which the reader has taken everything.
    taken: Checkpoint,
    paused: bool,
    /// Returned to the reader after the events.
    error: Option<SourceError>,
}

/// What a record holds.
#[derive(Debug)]
pub(super) enum Content {
    /// An event, with its record if records are kept.
    Event(Box<RecordedEvent>, Option<Box<TopicRecord>>),
    /// Not an event.
    Unreadable(Box<UnreadableRecord>),
}

#[derive(Debug)]
struct Entry {
    offset: Offset,
    content: Content,
}

/// What the poll thread must do about a partition after its buffer changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FlowChange {
    None,
    Pause,
    Resume,
}

impl AssignedPartition {
    pub(super) fn new(topic: Arc<str>, number: i32) -> Self {
        Self {
            topic,
            number,
            buffer: Mutex::default(),
            keeps_records: AtomicBool::new(false),
            changed: Notify::new(),
            revoked: watch::channel(false).0,
        }
    }

    pub(super) fn id(&self) -> PartitionId {
        PartitionId::Topic {
            topic: Arc::clone(&self.topic),
            partition: self.number,
        }
    }

    /// Tells the reader to finish.
    pub(super) fn revoke(&self) {
        self.revoked.send_replace(true);
        self.changed.notify_one();
    }

    pub(super) fn is_revoked(&self) -> bool {
        *self.revoked.borrow()
    }

    pub(super) async fn wait_until_revoked(&self) {
        // The sender is in `self`, so waiting cannot fail.
        let _ = self.revoked.subscribe().wait_for(|revoked| *revoked).await;
    }

    /// Empties the buffer and accepts no more records.
    pub(super) fn clear(&self) {
        *self.buffer() = Buffer::default();
    }

    /// Accepts records from this place on.
    pub(super) fn accept_from(&self, at: Checkpoint) {
        let mut buffer = self.buffer();
        buffer.next = Some(at.offset);
        buffer.taken = at;
    }

    /// Everything before this offset has arrived.
    pub(super) fn arrived(&self, position: Offset) {
        let mut buffer = self.buffer();
        if buffer.error.is_none() && buffer.next.is_some_and(|next| next < position) {
            buffer.next = Some(position);
        }
    }

    /// The place up to which everything has arrived, if that is beyond what was taken and holds no event.
    pub(super) fn take_move(&self) -> Option<Checkpoint> {
        let mut buffer = self.buffer();
        let is_empty = buffer.entries.is_empty() && buffer.error.is_none();
        let next = buffer.next.filter(|_| is_empty)?;
        if next <= buffer.taken.offset {
            return None;
        }
        buffer.taken.offset = next;
        Some(buffer.taken)
    }

    /// The offset up to which the reader has taken everything.
    pub(super) fn taken(&self) -> Offset {
        self.buffer().taken.offset
    }

    /// The next offset, if records are accepted.
    pub(super) fn next_offset(&self) -> Option<Offset> {
        let buffer = self.buffer();
        buffer.next.filter(|_| buffer.error.is_none())
    }

    /// Whether the reader has started, has no events and no error, and so waits for the broker.
    pub(super) fn is_waiting(&self) -> bool {
        let buffer = self.buffer();
        buffer.next.is_some() && buffer.entries.is_empty() && buffer.error.is_none()
    }

    /// Whether to put this record into the buffer. Records from before a seek are not accepted.
    pub(super) fn accepts(&self, offset: Offset) -> bool {
        self.next_offset().is_some_and(|next| offset >= next)
    }

    /// Whether to push the events that arrive from now on with their records.
    pub(super) fn keeps_records(&self) -> bool {
        self.keeps_records.load(Ordering::Acquire)
    }

    pub(super) fn keep_records(&self, keep: bool) {
        self.keeps_records.store(keep, Ordering::Release);
    }

    pub(super) fn push(&self, offset: Offset, content: Content) -> FlowChange {
        let mut buffer = self.buffer();
        let entry = Entry { offset, content };
        buffer.bytes += entry.weight();
        buffer.entries.push_back(entry);
        buffer.next = Some(Offset::new(offset.get() + 1));
        let change = if !buffer.paused && buffer.is_at_least(PAUSE_LEVEL) {
            buffer.paused = true;
            FlowChange::Pause
        } else {
            FlowChange::None
        };
        drop(buffer);
        self.changed.notify_one();
        change
    }

    /// Returns an error to the reader after the events in the buffer, and accepts no more records.
    pub(super) fn fail(&self, error: SourceError) {
        self.buffer().error = Some(error);
        self.changed.notify_one();
    }

    /// Takes up to `max` events and records that are none; `None` if there are none.
    pub(super) fn take(&self, max: usize) -> Result<Option<(Batch, FlowChange)>, SourceError> {
        let mut buffer = self.buffer();
        let Some(batch) = buffer.take(max) else {
            return match buffer.error.take() {
                // The reader must start again.
                Some(error) => {
                    buffer.next = None;
                    Err(error)
                }
                None => Ok(None),
            };
        };
        let change = if buffer.paused && buffer.is_at_most(RESUME_LEVEL) {
            buffer.paused = false;
            FlowChange::Resume
        } else {
            FlowChange::None
        };
        Ok(Some((batch, change)))
    }

    /// Waits until the buffer has changed or the partition is revoked.
    pub(super) async fn wait_for_change(&self) {
        self.changed.notified().await;
    }

    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The memory that an event takes, approximately: its payload, its id and metadata, and the structs around them. The
/// category, the type and the lane are shared with other events.
fn weight(event: &RecordedEvent) -> usize {
    let metadata = &event.metadata;
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let headers = metadata.headers.iter();
    let headers = headers.map(|(name, value)| name.len() + value.len() + HEADER_OVERHEAD);
    size_of::<Entry>()
        + size_of::<RecordedEvent>()
        + event.payload.len()
        + event.stream.id().len()
        + text(&metadata.correlation_id)
        + text(&metadata.traceparent)
        + headers.sum::<usize>()
}

impl Entry {
    fn weight(&self) -> usize {
        match &self.content {
            Content::Event(event, record) => {
                weight(event) + record.as_deref().map_or(0, weight_of_record)
            }
            Content::Unreadable(unreadable) => {
                size_of::<Self>() + weight_of_record(&unreadable.record)
            }
        }
    }
}

fn weight_of_record(record: &TopicRecord) -> usize {
    let size = |part: &Option<Bytes>| part.as_ref().map_or(0, Bytes::len);
    let headers = record.headers.iter();
    let headers = headers.map(|(name, value)| name.len() + size(value) + HEADER_OVERHEAD);
    size_of::<TopicRecord>() + size(&record.key) + size(&record.value) + headers.sum::<usize>()
}

impl Buffer {
    fn take(&mut self, max: usize) -> Option<Batch> {
        let count = self.entries.len().min(max.max(1));
        let mut events = Vec::with_capacity(count);
        let (mut records, mut unreadable) = (Vec::new(), Vec::new());
        let mut last = None;
        for entry in self.entries.drain(..count) {
            self.bytes -= entry.weight();
            let id = match entry.content {
                Content::Event(event, record) => {
                    let id = event.id;
                    events.push(*event);
                    records.extend(record.map(|record| *record));
                    Some(id)
                }
                Content::Unreadable(record) => {
                    unreadable.push(*record);
                    None
                }
            };
            last = Some((entry.offset, id));
        }
        let (offset, id) = last?;
        let next = Checkpoint::new(Offset::new(offset.get() + 1), id);
        self.taken = next;
        let batch = Batch::new(events, next).records(records);
        Some(batch.unreadable(unreadable))
    }

    fn is_at_least(&self, level: Level) -> bool {
        self.entries.len() >= level.events || self.bytes >= level.bytes
    }

    fn is_at_most(&self, level: Level) -> bool {
        self.entries.len() <= level.events && self.bytes <= level.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use cqrs_core::{EventId, Metadata, Position, StreamId, Version, model::Category};

    use super::*;

    fn event(payload: usize, text: usize) -> RecordedEvent {
        let category = Category::new("order").expect("valid");
        RecordedEvent::new(
            EventId::random(),
            StreamId::new(category, "17").expect("valid"),
            Version::EMPTY,
            Position::new(1),
            "Placed",
            vec![b'x'; payload],
            UNIX_EPOCH,
        )
        .metadata(Metadata::new(
            Some("x".repeat(text)),
            None,
            None,
            [("user".to_owned(), "x".repeat(text))].into(),
        ))
    }

    /// How many events are accepted before the partition is paused.
    fn accepted(event: &RecordedEvent) -> u64 {
        let partition = AssignedPartition::new("shop.order".into(), 0);
        let paused = |offset: &u64| {
            let event = Content::Event(Box::new(event.clone()), None);
            partition.push(Offset::new(*offset), event) == FlowChange::Pause
        };
        (0..=10_000).find(paused).expect("it is paused at last") + 1
    }

    #[test]
    fn a_partition_is_paused_by_the_size_of_all_parts_of_events() {
        assert_eq!(accepted(&event(0, 0)), 10_000);
        assert_eq!(accepted(&event(1 << 20, 0)), 16);
        assert_eq!(accepted(&event(0, 1 << 20)), 8);
    }

    #[test]
    fn an_emptied_buffer_weighs_nothing() {
        let partition = AssignedPartition::new("shop.order".into(), 0);
        let event = Content::Event(Box::new(event(5, 7)), None);
        partition.push(Offset::new(0), event);
        partition.take(10).expect("no error").expect("an event");
        assert_eq!(partition.buffer().bytes, 0);
    }
}
