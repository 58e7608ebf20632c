//! The vocabulary of an event store: streams, events, numbers and checkpoints. Imports no port and no role.

mod chain;
mod checkpoint;
mod context;
mod decode;
mod decoded;
mod event;
mod event_id;
mod expected_version;
mod failed_event;
mod fingerprint;
mod hash;
mod headers;
mod idempotency;
mod key_range;
mod lane;
mod limits;
mod log_identity;
mod member;
mod metadata;
mod number;
mod ordering_key;
mod panic;
mod partitioned_by;
mod recorded_event;
mod retry;
mod selection;
mod sizes;
mod stream;
mod upcaster;

/// For `cqrs-testing`. Not part of the API.
#[doc(hidden)]
pub use self::panic::message_of;
pub use self::{
    chain::{Chain, chain},
    checkpoint::{Ahead, Checkpoint, Claim, Offset, PartitionId, Requested, Standing},
    context::Context,
    decoded::{Decoded, IntoEvents},
    event::{Event, EventFilter, NewEvent},
    event_id::EventId,
    expected_version::{Conflict, ExpectedVersion},
    failed_event::{FailedEvent, FailureKind},
    fingerprint::Fingerprint,
    headers::{HeaderError, Headers},
    idempotency::{Idempotency, IdempotencyKey, KeyReused},
    key_range::KeyRange,
    lane::Lane,
    limits::LimitError,
    log_identity::{LogId, LogIdentity},
    member::{LeaseTimes, Member, MemberId},
    metadata::Metadata,
    number::{Position, Slices, Version},
    ordering_key::OrderingKey,
    partitioned_by::PartitionedBy,
    recorded_event::{Envelope, RecordedEvent},
    retry::RetryPolicy,
    selection::{RoleKind, Selection},
    sizes::Limits,
    stream::{Category, InvalidName, StreamId},
    upcaster::{Part, Recording, Upcaster},
};
pub(crate) use self::{
    decode::{Stored, decode, decode_for_state},
    hash::fnv1a,
    headers::check as check_headers,
    limits::{check_event, check_fields, check_id, check_json, check_schema_version, check_text},
    upcaster::steps,
};
