//! The traits that an adapter implements: the ports of a store, of a source of events, and of a broker.
//!
//! Every method that returns a `Result` fails when the store, the source or the broker does; its docs name only its other
//! errors.

mod checkpoints;
mod control;
mod dead_letters;
mod discards;
mod documents;
mod error;
mod event_store;
mod import;
mod inbox;
mod inspect;
mod leases;
mod log_check;
mod log_end;
mod parking;
mod partitions;
mod publisher;
mod reason;
mod record_source;
mod records;
mod snapshots;
mod source;
mod store;
mod turns;
mod unit_of_work;

pub use self::{
    checkpoints::Checkpoints,
    control::{Control, Skip, never_started, still_runs, unknown_relay},
    dead_letters::{DeadLetters, Published},
    discards::{Discarded, DiscardedEvent, Discards},
    documents::{Document, DocumentWrite, Documents, decode_document},
    error::{
        AdvanceError, AppendError, BoxError, CommitError, DocumentConflict, Fenced, LookupError,
        SaveError, StoreError, StoreErrorKind,
    },
    event_store::{Append, Appended, Appends, EventStore, LogPage, LogQuery, LogSearch, PastEvent},
    import::{Import, ImportError, Imported, check_import},
    inbox::Inbox,
    inspect::{
        COUNTED_LAG, Finding, Health, HealthLimits, HeldMark, Inspect, Lag, Operation, Overview,
        ParkedSummary, PartitionInfo, PartitionState, RelayInfo, SubscriptionInfo,
    },
    leases::{Leases, RelayLease},
    log_check::LogReplaced,
    parking::{DeadLetter, ParkedKey, ParkedRequest, Parking, WaitingRecord},
    partitions::{
        Heartbeat, Leased, PartitionStatus, Partitions, RepartitionError, SliceProgress,
        unknown_subscription,
    },
    publisher::{
        Publication, PublishError, PublishedEvent, PublishedShard, Publisher, PublisherSession,
    },
    reason::check_reason,
    record_source::{FoundRecord, RecordSource},
    records::{MAX_KEPT_BYTES, TopicRecord, UnreadableRecord},
    snapshots::{Snapshot, Snapshots},
    source::{Batch, GivenBack, Next, Reader, Source, SourceError, Subscriber},
    store::Store,
    turns::Turns,
    unit_of_work::UnitOfWork,
};
pub(crate) use self::{
    log_check::check_page,
    log_end::last_event_upto,
    parking::kept,
    turns::{Turn, at_most_a_second},
};
