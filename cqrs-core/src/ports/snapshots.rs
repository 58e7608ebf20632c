//! The port of snapshots: states that were saved, to shorten a replay.

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    model::{EventId, StreamId, Version},
    ports::{
        error::StoreError,
        event_store::{EventStore, PastEvent},
    },
};

/// A state that was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The stream.
    pub stream: StreamId,
    /// How many events made the state.
    pub version: Version,
    /// The last of them.
    pub last_event: EventId,
    /// Of the shape of the state's type and of its version: a snapshot of another fingerprint is not read.
    pub fingerprint: u64,
    /// Of the payload, and of the event it stands on.
    pub checksum: u64,
    /// The state as JSON.
    pub payload: Bytes,
}

/// A store that keeps one snapshot for each stream. A snapshot only ever saves time: losing one loses nothing.
#[async_trait]
pub trait Snapshots: EventStore {
    /// Puts it in place of the stream's earlier one.
    async fn save_snapshot(&self, snapshot: Snapshot) -> Result<(), StoreError>;

    /// The stream's snapshot, if it has one of this fingerprint, and the events from the one on that it stands on; without
    /// a snapshot all events. One round trip where the store allows.
    async fn replay_from_snapshot(
        &self,
        stream: &StreamId,
        fingerprint: u64,
    ) -> Result<(Option<Snapshot>, Vec<PastEvent>), StoreError>;
}
