//! The buffer between the poll thread and the reader of one partition.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use cqrs_core::{Batch, Checkpoint, Offset, PartitionId, RecordedEvent, SourceError};
use tokio::sync::{Notify, watch};

/// Above this the partition is paused, below the other it goes on. Pausing throws away what librdkafka has fetched
/// ahead, so the two lie far apart.
const HIGH_WATER: Water = Water {
    events: 10_000,
    bytes: 16 << 20,
};
const LOW_WATER: Water = Water {
    events: 2_500,
    bytes: 4 << 20,
};

struct Water {
    events: usize,
    bytes: usize,
}

/// A partition that somebody reads.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) topic: Arc<str>,
    pub(super) partition: i32,
    buffer: Mutex<Buffer>,
    filled: Notify,
    revoked: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Buffer {
    events: VecDeque<(Offset, RecordedEvent)>,
    bytes: usize,
    /// The next offset that is to come; `None` while nothing may come.
    next: Option<Offset>,
    paused: bool,
    /// Comes behind the events.
    error: Option<SourceError>,
}

/// What is to be done about a partition.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Keep,
    Pause,
    Resume,
}

impl Slot {
    pub(super) fn new(topic: Arc<str>, partition: i32) -> Self {
        Self {
            topic,
            partition,
            buffer: Mutex::default(),
            filled: Notify::new(),
            revoked: watch::channel(false).0,
        }
    }

    pub(super) fn id(&self) -> PartitionId {
        PartitionId::Topic {
            topic: Arc::clone(&self.topic),
            partition: self.partition,
        }
    }

    pub(super) fn revoke(&self) {
        self.revoked.send_replace(true);
        self.filled.notify_one();
    }

    pub(super) fn revoked(&self) -> bool {
        *self.revoked.borrow()
    }

    pub(super) async fn until_revoked(&self) {
        // The sender lives in `self`, so this cannot fail.
        let _ = self.revoked.subscribe().wait_for(|revoked| *revoked).await;
    }

    /// Empties the buffer and lets nothing in.
    pub(super) fn halt(&self) {
        *self.buffer() = Buffer::default();
    }

    /// Lets records in from this offset on.
    pub(super) fn admit(&self, from: Offset) {
        self.buffer().next = Some(from);
    }

    /// The next offset, if the partition is being read.
    pub(super) fn next_offset(&self) -> Option<Offset> {
        let buffer = self.buffer();
        buffer.next.filter(|_| buffer.error.is_none())
    }

    /// Whether a record at this offset is to come next; stragglers from before a seek are not.
    pub(super) fn wants(&self, offset: Offset) -> bool {
        let buffer = self.buffer();
        buffer.error.is_none() && buffer.next.is_some_and(|next| offset >= next)
    }

    pub(super) fn push(&self, offset: Offset, event: RecordedEvent) -> Flow {
        let mut buffer = self.buffer();
        buffer.bytes += event.payload.len();
        buffer.events.push_back((offset, event));
        buffer.next = Some(Offset::new(offset.get() + 1));
        let full = buffer.events.len() >= HIGH_WATER.events || buffer.bytes >= HIGH_WATER.bytes;
        let flow = if full && !buffer.paused {
            buffer.paused = true;
            Flow::Pause
        } else {
            Flow::Keep
        };
        drop(buffer);
        self.filled.notify_one();
        flow
    }

    /// Ends reading, behind the events that are there already.
    pub(super) fn fail(&self, error: SourceError) {
        self.buffer().error = Some(error);
        self.filled.notify_one();
    }

    /// Up to `max` events, if there are any, and whether more may flow.
    pub(super) fn take(&self, max: usize) -> Result<Option<(Batch, Flow)>, SourceError> {
        let mut buffer = self.buffer();
        let count = buffer.events.len().min(max.max(1));
        if count == 0 {
            return match buffer.error.take() {
                // It must be started anew.
                Some(error) => {
                    buffer.next = None;
                    Err(error)
                }
                None => Ok(None),
            };
        }
        let (mut events, mut last) = (Vec::with_capacity(count), Offset::default());
        for (offset, event) in buffer.events.drain(..count) {
            last = offset;
            events.push(event);
        }
        let taken: usize = events.iter().map(|event| event.payload.len()).sum();
        buffer.bytes -= taken;
        let low = buffer.events.len() <= LOW_WATER.events && buffer.bytes <= LOW_WATER.bytes;
        let flow = if low && buffer.paused {
            buffer.paused = false;
            Flow::Resume
        } else {
            Flow::Keep
        };
        let next = Checkpoint {
            offset: Offset::new(last.get() + 1),
            event_id: events.last().map(|event| event.id),
        };
        Ok(Some((Batch { events, next }, flow)))
    }

    /// Waits until something was put in, or the partition is to be given back.
    pub(super) async fn changed(&self) {
        self.filled.notified().await;
    }

    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
