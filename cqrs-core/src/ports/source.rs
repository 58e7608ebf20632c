//! The port of a source: it assigns partitions to this process and reads batches of events from them.

use std::{fmt, ops::RangeInclusive, time::Duration};

use crate::{
    model::{
        Checkpoint, Claim, EventFilter, EventId, MemberId, Offset, PartitionId, RecordedEvent,
        Selection,
    },
    ports::{
        error::BoxError,
        log_check::LogReplaced,
        records::{TopicRecord, UnreadableRecord},
    },
};

/// Events to handle together.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Batch {
    /// The events, in order. Empty when every event that was read was filtered out.
    pub events: Vec<RecordedEvent>,
    /// Where reading continues after the batch; it may be beyond the batch's last event.
    pub next: Checkpoint,
    /// The records of the events, by offset, where the reader [keeps](Reader::keep_records) them.
    pub records: Vec<TopicRecord>,
    /// The records among the events that are not events, by offset. The runner does about them what it does about an event that its role
    /// cannot handle; [`Reader::decode`] says why each is not one.
    pub unreadable: Vec<UnreadableRecord>,
}

impl Batch {
    /// These events, and where reading continues after them.
    #[must_use]
    pub const fn new(events: Vec<RecordedEvent>, next: Checkpoint) -> Self {
        Self {
            events,
            next,
            records: Vec::new(),
            unreadable: Vec::new(),
        }
    }

    /// The same batch with the records of its events, in the same order.
    #[must_use]
    pub fn records(mut self, records: Vec<TopicRecord>) -> Self {
        self.records = records;
        self
    }

    /// The same batch with the records among its events that are not events, by offset.
    #[must_use]
    pub fn unreadable(mut self, unreadable: Vec<UnreadableRecord>) -> Self {
        self.unreadable = unreadable;
        self
    }

    /// The record of an event, if the reader keeps records.
    #[must_use]
    pub fn record_of(&self, event: &RecordedEvent) -> Option<&TopicRecord> {
        let offset = event.offset?;
        let found = self
            .records
            .binary_search_by_key(&offset, |record| record.offset);
        found.ok().map(|index| &self.records[index])
    }
}

/// The result of [`Reader::next`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Events, or only a checkpoint after events that were filtered out.
    Batch(Batch),
    /// There are no more events for now.
    Idle,
    /// The partition must be given back.
    Revoked,
}

/// A partition that cannot be read further.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The checkpoint is outside the topic's records: retention removed them, or the topic was recreated.
    #[error(
        "{partition}: offset {offset} does not exist (offsets {} to {} are in range): {}; or call Relay::publish_again of the relay \
         that writes it once, and {REWIND}",
        available.start(), available.end(), out_of_range(*offset, available)
    )]
    OutOfRange {
        /// The partition.
        partition: PartitionId,
        /// The checkpoint's offset.
        offset: Offset,
        /// The offsets at which reading can continue, up to that of the next record.
        available: RangeInclusive<Offset>,
    },
    /// The topic is no longer the one to which the checkpoint belongs: it was created again, or lost its end.
    #[error(
        "{partition} is not what the subscription has read: before offset {offset} was event {expected}, now {}. The topic was \
         deleted and created again, or has lost its end. Restore it; or call Relay::publish_again of the relay that writes it once, \
         and {REWIND}",
        event(.found.as_ref())
    )]
    TopicReplaced {
        /// The partition.
        partition: PartitionId,
        /// The checkpoint's offset.
        offset: Offset,
        /// The last event that the subscription handled there.
        expected: EventId,
        /// The event that is there now; `None` if the record is not an event.
        found: Option<EventId>,
    },
    /// The checkpoint does not belong to this log.
    #[error(
        "{partition} cannot continue: the log does not have the event of its checkpoint. Start the runner again once: if the whole \
         store went back, its checkpoint did, too. If this comes again, find out what was lost. Then reset a view \
         (ReadModel::reset). A reactor or a projection would handle events twice after a reset: call LogRunner::continue_after \
         once with the position of the last event that it should count as handled"
    )]
    LogReplaced {
        /// The partition.
        partition: PartitionId,
        /// The difference between the logs.
        #[source]
        replaced: LogReplaced,
    },
    /// A record that is not an event, where the runner [stops](crate::read::ErrorAction::Stop) at one, or where the topic is at fault.
    #[error(
        "{partition}, offset {offset}: not an event; correct its producer, then pass over this record with \
         `Runner::skip_record`"
    )]
    Malformed {
        /// The partition.
        partition: PartitionId,
        /// The record.
        offset: Offset,
        /// The cause.
        #[source]
        reason: BoxError,
    },
    /// The source cannot be reached. The runner retries.
    #[error("the source is unavailable")]
    Unavailable(#[source] BoxError),
    /// The source needs a change: wrong settings, missing rights, an unknown topic.
    #[error("the source cannot be read")]
    Fatal(#[source] BoxError),
}

impl SourceError {
    /// Whether another attempt may succeed without a change.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// Who reads a source: a subscription of a store.
///
/// ```
/// use cqrs_core::ports::Subscriber;
///
/// let subscriber = Subscriber::new("orders", "7345/16384/24577");
/// assert_eq!(subscriber.to_string(), "subscription \"orders\" of the store at \"7345/16384/24577\"");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subscriber {
    /// The subscription.
    pub subscription: String,
    /// The [place](crate::model::LogIdentity::place) of the store's log. It stays when the log gets another id, and a copy of the store has
    /// another one.
    pub store: String,
}

impl Subscriber {
    /// The subscription of the store at this place.
    #[must_use]
    pub fn new(subscription: impl Into<String>, store: impl Into<String>) -> Self {
        Self {
            subscription: subscription.into(),
            store: store.into(),
        }
    }
}

impl fmt::Display for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            subscription,
            store,
        } = self;
        write!(f, "subscription {subscription:?} of the store at {store:?}")
    }
}

/// What a rewind does after a topic has lost records.
const REWIND: &str = "Runner::rewind once, which reads the topics of the subscription from their beginning and handles what it did \
                      not have. Events of other producers have no log: those that are there take effect, also if they did before";

fn out_of_range(offset: Offset, available: &RangeInclusive<Offset>) -> &'static str {
    if offset < *available.start() {
        "retention or a person has removed the next records. Restore them"
    } else {
        "the topic was created again, or has lost its end. Restore it"
    }
}

fn event(id: Option<&EventId>) -> String {
    id.map_or_else(
        || "a record that is not an event".to_owned(),
        |id| format!("event {id}"),
    )
}

/// Why a worker gives a partition back that was not revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GivenBack {
    /// A claim has shown that it belongs to another process by now, or is no partition any more.
    Lost,
    /// It could not be worked on for long; perhaps another process can.
    Failing,
    /// A failure that a retry cannot fix has stopped the runner.
    Stopped(String),
}

/// Assigns partitions to this process, with one reader for each.
pub trait Source: Send + 'static {
    /// Reads one partition.
    type Reader: Reader;

    /// Who reads. The runner calls it once, before it asks for a partition. A source whose partitions are shared by several
    /// processes refuses to share them with another subscriber.
    fn read_for(&mut self, _subscriber: Subscriber) {}

    /// The reader of the next partition. A partition whose reader was dropped is returned again while it is assigned to
    /// this process. `None`: stopped, and every reader was dropped. Cancel-safe. After [`SourceError::Unavailable`] it is
    /// called again.
    fn assigned(
        &mut self,
    ) -> impl Future<Output = Result<Option<Self::Reader>, SourceError>> + Send;

    /// The current end of each partition of this source, also of partitions assigned to other processes: a checkpoint at
    /// or after this offset covers every event up to now. Partitions without events may be missing.
    ///
    /// # Errors
    /// After [`SourceError::Unavailable`] it is called again.
    fn ends(
        &mut self,
    ) -> impl Future<Output = Result<Vec<(PartitionId, Offset)>, SourceError>> + Send;

    /// The offsets at which reading can continue, of each partition that can lose events: from its first record to its next one,
    /// also where it has none. [`Runner::catch_up`](crate::Runner::catch_up) compares the checkpoints with them.
    ///
    /// The default is for sources that lose no event.
    ///
    /// # Errors
    /// After [`SourceError::Unavailable`] it is called again.
    fn ranges(
        &mut self,
    ) -> impl Future<Output = Result<Vec<(PartitionId, RangeInclusive<Offset>)>, SourceError>> + Send
    {
        std::future::ready(Ok(Vec::new()))
    }

    /// Asks every reader to finish. Returns at once.
    fn stop(&mut self);
}

/// Reads one assigned partition. Dropping the reader gives the partition back; a revocation waits for that.
pub trait Reader: Send + Sync + 'static {
    /// The partition.
    fn partition(&self) -> &PartitionId;

    /// The member of the subscription that has the partition. `None`: the source assigns it by other means.
    fn member(&self) -> Option<MemberId> {
        None
    }

    /// Sets where reading starts; called first, and again after every failure.
    fn start(&mut self, claim: &Claim) -> impl Future<Output = Result<(), SourceError>> + Send;

    /// The first event before the place of its slice that one of the filters finds and `before` does not match, as text: an event
    /// that the subscription passed over, and that it reads now. `None` where a source cannot tell.
    fn passed_over(
        &mut self,
        _filters: &[EventFilter],
        _before: &Selection,
        _claim: &Claim,
    ) -> impl Future<Output = Result<Option<String>, SourceError>> + Send {
        std::future::ready(Ok(None))
    }

    /// Returns up to `max` available events and records that are not events. If there are none, it waits for some, a quarter of a second
    /// at most.
    /// Cancel-safe.
    fn next(&mut self, max: usize) -> impl Future<Output = Result<Next, SourceError>> + Send;

    /// Waits without giving the partition back. Returns early when it is revoked.
    fn back_off(&mut self, wait: Duration) -> impl Future<Output = ()> + Send;

    /// Whether the partition must be given back.
    fn revoked(&self) -> bool;

    /// Whether the batches after the next start also have the records of their events. Returns `false` if the source cannot keep them: then
    /// nothing of it can be parked.
    fn keep_records(&mut self, _keep: bool) -> bool {
        false
    }

    /// The event of a record that was [kept](Self::keep_records), or that was [unreadable](Batch::unreadable).
    ///
    /// # Errors
    /// Why the record is not an event.
    fn decode(&self, record: &TopicRecord) -> Result<RecordedEvent, BoxError> {
        Err(format!("{}: its source decodes no records", record.partition_id()).into())
    }

    /// Whether another process may work on the partition if this one gives it back.
    fn has_others(&self) -> bool {
        false
    }

    /// Says why the reader will be dropped, although the partition was not revoked.
    fn given_back(&mut self, _why: GivenBack) {}
}
