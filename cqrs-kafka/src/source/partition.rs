//! One assigned partition: the buffer of events between the poll thread and the reader.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use cqrs_core::{
    RecordedEvent,
    model::{Checkpoint, Offset, PartitionId},
    ports::{Batch, SourceError},
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

/// A partition that has a reader.
#[derive(Debug)]
pub(super) struct AssignedPartition {
    pub(super) topic: Arc<str>,
    pub(super) number: i32,
    buffer: Mutex<Buffer>,
    changed: Notify,
    revoked: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Buffer {
    events: VecDeque<(Offset, RecordedEvent)>,
    bytes: usize,
    /// The lowest offset that is accepted next; `None` before the reader has started.
    next: Option<Offset>,
    paused: bool,
    /// Returned to the reader after the events.
    error: Option<SourceError>,
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

    /// Accepts records from this offset on.
    pub(super) fn accept_from(&self, offset: Offset) {
        self.buffer().next = Some(offset);
    }

    /// The next offset, if records are accepted.
    pub(super) fn next_offset(&self) -> Option<Offset> {
        let buffer = self.buffer();
        buffer.next.filter(|_| buffer.error.is_none())
    }

    /// Whether to put this record into the buffer. Records from before a seek are not accepted.
    pub(super) fn accepts(&self, offset: Offset) -> bool {
        self.next_offset().is_some_and(|next| offset >= next)
    }

    pub(super) fn push(&self, offset: Offset, event: RecordedEvent) -> FlowChange {
        let mut buffer = self.buffer();
        buffer.bytes += event.payload.len();
        buffer.events.push_back((offset, event));
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

    /// Takes up to `max` events; `None` if there are none.
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

impl Buffer {
    fn take(&mut self, max: usize) -> Option<Batch> {
        let count = self.events.len().min(max.max(1));
        let mut events = Vec::with_capacity(count);
        let mut last = None;
        for (offset, event) in self.events.drain(..count) {
            self.bytes -= event.payload.len();
            last = Some(offset);
            events.push(event);
        }
        let next = Checkpoint::new(
            Offset::new(last?.get() + 1),
            events.last().map(|event| event.id),
        );
        Some(Batch::new(events, next))
    }

    fn is_at_least(&self, level: Level) -> bool {
        self.events.len() >= level.events || self.bytes >= level.bytes
    }

    fn is_at_most(&self, level: Level) -> bool {
        self.events.len() <= level.events && self.bytes <= level.bytes
    }
}
