//! The port of what is parked: the keys whose next event a subscription could not handle.
//!
//! Of the log nothing is copied. A parked key is one row, with the event in front; what waits behind it is in the log. A topic may lose
//! what it holds, and only its reader knows how to look for a key: of a topic each record that waits is kept, with the one in front.
//!
//! **Invariant**: only the owner of a partition's claim changes which keys are parked: in a transaction that moves the checkpoint under the
//! claim, if only from its place to the same place. Others ask for a redrive or a discard. So the keys that an owner has read after its
//! claim stay right until the next claim.

use std::{fmt, time::SystemTime};

use crate::{
    model::{
        FailedEvent, FailureKind, Fingerprint, OrderingKey, PartitionId, RecordedEvent, StreamId,
        Version,
    },
    ports::{discards::Discards, error::StoreError, event_store::EventStore, records::TopicRecord},
};

/// The longest reason that is kept, in bytes.
const LONGEST_REASON: usize = 4_096;

/// A key that is parked, and the event in front of it, which could not be handled. Later events of the key wait.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParkedKey {
    /// The subscription. Others still handle the key.
    pub subscription: String,
    /// The key.
    pub key: OrderingKey,
    /// The partition of a topic whose events wait; `None` for events of the store's own log.
    pub topic: Option<PartitionId>,
    /// The event in front.
    pub event: FailedEvent,
    /// How it failed.
    pub failure: FailureKind,
    /// Why it failed: the error with its sources.
    pub reason: String,
    /// What it has in common with other failures of the same cause.
    pub fingerprint: Fingerprint,
    /// How often it was tried.
    pub attempts: u32,
    /// When the key was parked.
    pub parked_at: SystemTime,
    /// When the event in front was last tried.
    pub tried_at: SystemTime,
    /// What somebody has asked the owner to do.
    pub requested: Option<ParkedRequest>,
}

/// What the owner of a parked key is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParkedRequest {
    /// Handle what waits, in order.
    Redrive,
    /// Pass over the event in front for good, then handle what waits behind it.
    Discard {
        /// Why.
        reason: String,
    },
}

impl ParkedKey {
    /// A key that is parked now, before this event.
    #[must_use]
    pub fn new(
        subscription: impl Into<String>,
        key: OrderingKey,
        event: FailedEvent,
        failure: FailureKind,
        reason: &str,
        attempts: u32,
    ) -> Self {
        let now = SystemTime::now();
        let reason = kept(reason);
        Self {
            subscription: subscription.into(),
            fingerprint: Fingerprint::of(&event.event_type, &reason),
            key,
            topic: None,
            event,
            failure,
            reason,
            attempts,
            parked_at: now,
            tried_at: now,
            requested: None,
        }
    }

    /// The same key in this partition, if that is one of a topic.
    #[must_use]
    pub fn in_partition(mut self, partition: &PartitionId) -> Self {
        let is_topic = matches!(partition, PartitionId::Topic { .. });
        self.topic = is_topic.then(|| partition.clone());
        self
    }

    /// The same key, parked and last tried at these times.
    #[must_use]
    pub const fn at(mut self, parked: SystemTime, tried: SystemTime) -> Self {
        self.parked_at = parked;
        self.tried_at = tried;
        self
    }

    /// The same key, whose owner is asked for this.
    #[must_use]
    pub fn requested(mut self, request: Option<ParkedRequest>) -> Self {
        self.requested = request;
        self
    }

    /// The same key after its event in front was tried again and has failed.
    #[must_use]
    pub fn failed_again(self, failure: FailureKind, reason: &str) -> Self {
        let reason = kept(reason);
        Self {
            fingerprint: Fingerprint::of(&self.event.event_type, &reason),
            failure,
            reason,
            attempts: self.attempts.saturating_add(1),
            tried_at: SystemTime::now(),
            requested: None,
            ..self
        }
    }

    /// The same key with another event in front, which is to be handled next.
    #[must_use]
    pub fn continued(self, event: FailedEvent) -> Self {
        Self {
            event,
            attempts: 0,
            requested: Some(ParkedRequest::Redrive),
            ..self
        }
    }
}

/// A record of a topic whose key is parked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitingRecord {
    /// The key.
    pub key: OrderingKey,
    /// The record, whole.
    pub record: TopicRecord,
}

impl WaitingRecord {
    /// This record of this key.
    #[must_use]
    pub const fn new(key: OrderingKey, record: TopicRecord) -> Self {
        Self { key, record }
    }
}

/// The record in front of a key that is parked in a partition of a topic: it could not be handled.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The number of the record in the store that keeps it. No other record gets it, not even one at the same offset of a topic that was
    /// created again.
    pub id: u64,
    /// The key, and how the record failed.
    pub parked: ParkedKey,
    /// The record, whole.
    pub record: TopicRecord,
}

impl DeadLetter {
    /// This record in front of this key.
    #[must_use]
    pub const fn new(id: u64, parked: ParkedKey, record: TopicRecord) -> Self {
        Self { id, parked, record }
    }
}

/// `shop.order/2 at offset 17`.
impl fmt::Display for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TopicRecord {
            topic,
            partition,
            offset,
            ..
        } = &self.record;
        write!(f, "{topic}/{partition} at offset {offset}")
    }
}

/// A reason that every store can keep: no NUL, and not longer than [`LONGEST_REASON`].
pub(crate) fn kept(reason: &str) -> String {
    let end = reason.floor_char_boundary(LONGEST_REASON);
    reason[..end].replace('\0', "\u{fffd}")
}

/// `account-ann waits before account-ann@3 (Deposited), position 17: missing field ..`.
impl fmt::Display for ParkedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} waits before {}: {}",
            self.key, self.event, self.reason
        )
    }
}

/// The parked keys of subscriptions.
pub trait Parking: EventStore + Discards {
    /// The keys that are parked in a partition: of the log, those of its slices. An owner reads them after its claim, never before: the last owner may park one in
    /// between.
    fn parked_keys(
        &self,
        subscription: &str,
        partition: &PartitionId,
    ) -> impl Future<Output = Result<Vec<OrderingKey>, StoreError>> + Send;

    /// Parks a key, unless `at_most` keys of the subscription are parked already: then it returns `false`. For the owner, in the
    /// transaction that moves its checkpoint to the event in front. In a partition of a topic the key can be parked once more.
    fn park_in(
        &self,
        transaction: &mut Self::Transaction,
        parked: &ParkedKey,
        at_most: u64,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Keeps records of a partition of a topic whose keys are parked, behind those that wait already. For the owner, in the transaction that moves its checkpoint past them;
    /// of a key that is parked now, the record in front. The same record does not wait a second time for a key: a rewind brings it again.
    /// Another one at its offset does, because a topic that was created again has other records.
    fn wait_in(
        &self,
        transaction: &mut Self::Transaction,
        subscription: &str,
        records: &[WaitingRecord],
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Up to `limit` records of a key that is parked in a partition of a topic, in order, with the one in front.
    fn waiting_records(
        &self,
        parked: &ParkedKey,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<TopicRecord>, StoreError>> + Send;

    /// The record in front of a parked key of a partition of a topic that has failed and is not noted as published: of those with a higher
    /// number than `after` the first. A record that has come to the front and was not tried yet is none.
    fn next_dead_letter(
        &self,
        subscription: &str,
        partition: &PartitionId,
        after: Option<u64>,
    ) -> impl Future<Output = Result<Option<DeadLetter>, StoreError>> + Send;

    /// Notes that a record is published. Not only for the owner: it changes neither which keys are parked, nor what waits. A record that
    /// waits no longer stays as it is.
    fn dead_letter_published(
        &self,
        letter: &DeadLetter,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The parked keys in a partition for which something is requested; the oldest request first.
    fn requested(
        &self,
        subscription: &str,
        partition: &PartitionId,
    ) -> impl Future<Output = Result<Vec<ParkedKey>, StoreError>> + Send;

    /// Writes a parked key that has another event in front, or has failed again. Of a topic it no longer keeps the first `handled` of the
    /// records that wait. For the owner, in a transaction that moves its checkpoint, if only to the same place. `false`: the key is not parked.
    fn update_parked_in(
        &self,
        transaction: &mut Self::Transaction,
        parked: &ParkedKey,
        handled: usize,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Takes a key out of what is parked, with its records. For the owner, as [`update_parked_in`](Self::update_parked_in). `false`: the
    /// key is not parked.
    fn unpark_in(
        &self,
        transaction: &mut Self::Transaction,
        parked: &ParkedKey,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// All parked keys of a subscription, in the order of the events in front.
    fn parked(
        &self,
        subscription: &str,
    ) -> impl Future<Output = Result<Vec<ParkedKey>, StoreError>> + Send;

    /// How many events of a parked key wait, with the one in front: of a topic the records that are kept; of the log those of its stream, as
    /// far as the subscription has read it. Of a key of the log that is not a stream only the one in front is counted.
    fn waiting(&self, parked: &ParkedKey) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Up to `limit` events of a stream after version `after`, in order: at least one, if there is one, and no further one once their
    /// payloads have [`LogQuery::BYTES`](crate::ports::LogQuery::BYTES). So only an empty page is the end of the stream.
    fn read_stream_page(
        &self,
        stream: &StreamId,
        after: Version,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<RecordedEvent>, StoreError>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_kept_so_that_every_store_takes_it() {
        assert_eq!(kept("a\0b"), "a\u{fffd}b");
        let long = "é".repeat(3_000);
        assert_eq!(kept(&long).len(), LONGEST_REASON);
        assert_eq!(kept(&format!("a{long}")).len(), LONGEST_REASON - 1);
    }
}
