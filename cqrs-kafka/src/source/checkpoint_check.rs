//! Notices that a topic is no longer the one to which a checkpoint belongs: it was deleted and created again, or lost its end.
//!
//! The last record before the checkpoint must be the event that the subscription handled last. Between the two are only markers
//! of transactions and aborted records, which no consumer gets.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use cqrs_core::{
    EventId,
    model::{Checkpoint, Offset, PartitionId},
    ports::SourceError,
};
use rdkafka::{Message, message::BorrowedMessage};

use super::{SourceOptions, partition::AssignedPartition, receive::decode};
use crate::{error::KafkaError, partition_reader::PartitionReader, wire::Decoder};

/// How many offsets before a checkpoint are searched for its event. Without a record in them nothing is compared.
const SEARCHED: i64 = 10_000;

/// Compares the checkpoints of one member with its topics.
pub(super) struct CheckpointCheck {
    options: Arc<SourceOptions>,
    /// The client of the comparisons that run now. Each uses it alone.
    client: Mutex<Weak<Mutex<PartitionReader>>>,
}

impl CheckpointCheck {
    pub(super) const fn new(options: Arc<SourceOptions>) -> Self {
        Self {
            options,
            client: Mutex::new(Weak::new()),
        }
    }

    /// Compares the record before a checkpoint with the event of the checkpoint. Blocks.
    ///
    /// It proves nothing, and is not an error, if the checkpoint has no event or the records before it are gone. An offset that is
    /// out of range is found when it is read.
    pub(super) fn compare(
        &self,
        partition: &AssignedPartition,
        at: Checkpoint,
    ) -> Result<(), SourceError> {
        let Some(expected) = at.event_id else {
            return Ok(());
        };
        let client = self.client()?;
        let reader = lock(&client);
        let topic = &*partition.topic;
        let number = partition.number;
        let (low, high) = reader.range(topic, number)?;
        let end = i64::try_from(at.offset.get()).unwrap_or(i64::MAX);
        if end <= low || end > high {
            return Ok(());
        }
        let range = low.max(end.saturating_sub(SEARCHED))..end;
        let found = reader.last_before(topic, number, range, |record| self.event_of(record))?;
        match found {
            Some(found) if found != Some(expected) => {
                Err(replaced(partition.id(), at, expected, found))
            }
            _ => Ok(()),
        }
    }

    fn event_of(&self, record: &BorrowedMessage<'_>) -> Option<EventId> {
        let offset = Offset::new(record.offset().unsigned_abs());
        let mut decoder = Decoder::new(self.options.config.prefix());
        Some(decode(&mut decoder, record, offset).ok()?.id)
    }

    fn client(&self) -> Result<Arc<Mutex<PartitionReader>>, KafkaError> {
        let mut shared = lock(&self.client);
        if let Some(client) = shared.upgrade() {
            return Ok(client);
        }
        let reader = PartitionReader::new(&self.options.config, &self.options.group)?;
        let client = Arc::new(Mutex::new(reader));
        *shared = Arc::downgrade(&client);
        Ok(client)
    }
}

impl fmt::Debug for CheckpointCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckpointCheck").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn replaced(
    partition: PartitionId,
    at: Checkpoint,
    expected: EventId,
    found: Option<EventId>,
) -> SourceError {
    SourceError::TopicReplaced {
        partition,
        offset: at.offset,
        expected,
        found,
    }
}
