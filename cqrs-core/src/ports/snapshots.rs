//! The port of snapshots: saved states that shorten a replay.

use bytes::Bytes;

use crate::{
    model::{EventId, StreamId, Version},
    ports::{
        error::StoreError,
        event_store::{EventStore, PastEvent},
    },
};

/// A saved state.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// The stream.
    pub stream: StreamId,
    /// The number of events in the state.
    pub version: Version,
    /// The id of the last event in the state.
    pub last_event: EventId,
    /// Identifies the shape and the version of the state's type. A snapshot with another fingerprint is ignored.
    pub fingerprint: u64,
    /// The checksum of version, last event and payload.
    pub checksum: u64,
    /// The state as JSON.
    pub payload: Bytes,
}

impl Snapshot {
    /// The state `payload` of a stream at this version and event.
    #[must_use]
    pub const fn new(
        stream: StreamId,
        version: Version,
        last_event: EventId,
        fingerprint: u64,
        checksum: u64,
        payload: Bytes,
    ) -> Self {
        Self {
            stream,
            version,
            last_event,
            fingerprint,
            checksum,
            payload,
        }
    }
}

/// A store that keeps one snapshot for each stream. A snapshot only saves time: losing one loses no data.
pub trait Snapshots: EventStore {
    /// Saves the snapshot, in place of the stream's earlier one.
    fn save_snapshot(
        &self,
        snapshot: Snapshot,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The stream's snapshot with this fingerprint, and the events from the snapshot's last event on, that one included.
    /// Without such a snapshot, all events. One round trip where the store can.
    fn replay_from_snapshot(
        &self,
        stream: &StreamId,
        fingerprint: u64,
    ) -> impl Future<Output = Result<(Option<Snapshot>, Vec<PastEvent>), StoreError>> + Send;
}
