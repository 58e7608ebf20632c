//! Turns the rows of one stream into past events, each as it arrives.

use bytes::Bytes;
use cqrs_core::{EventId, StoreError, StoreErrorKind, StreamId, Version, ports::PastEvent};
use sqlx::{Row, postgres::PgRow};

use crate::row::{Types, bytes, unsigned};

/// The schema version that SQL leaves out of appends and replays.
const OMITTED: u32 = 1;

/// With the first event, memory is reserved for this many events, and for at most this many bytes of payload.
const RESERVED: usize = 8;
const RESERVED_BYTES: usize = 8 * 1024;

/// The events of a stream, as far as their rows have arrived.
#[derive(Default)]
pub(super) struct ReplayBuffer {
    events: Vec<PastEvent>,
    /// One after the other, so that a long stream does not allocate for each event.
    payloads: Vec<u8>,
    ends: Vec<usize>,
}

impl ReplayBuffer {
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// Does not check the types of the columns: the table is ours, and checking each value of a long stream takes as
    /// long as reading it.
    pub(super) fn push(&mut self, row: &PgRow, types: &mut Types) -> Result<(), sqlx::Error> {
        let schema_version: Option<i32> = row.try_get_unchecked(3)?;
        let payload = bytes(row, 4)?;
        if self.events.is_empty() {
            self.events.reserve(RESERVED);
            self.ends.reserve(RESERVED);
            let room = payload.len().saturating_mul(RESERVED).min(RESERVED_BYTES);
            self.payloads.reserve(room.max(payload.len()));
        }
        self.events.push(PastEvent::new(
            EventId::from_uuid(row.try_get_unchecked(1)?),
            Version::new(unsigned(row.try_get_unchecked(0)?)),
            types.shared(bytes(row, 2)?)?,
            schema_version.map_or(OMITTED, |version| version.unsigned_abs()),
            Bytes::new(),
        ));
        self.payloads.extend_from_slice(payload);
        self.ends.push(self.payloads.len());
        Ok(())
    }

    /// All events, which follow `after`.
    ///
    /// # Errors
    /// When a version is missing: somebody changed the log by hand, and a state without the event would be wrong.
    pub(super) fn into_events(
        mut self,
        stream: &StreamId,
        after: Version,
    ) -> Result<Vec<PastEvent>, StoreError> {
        let (payloads, mut begin) = (Bytes::from(self.payloads), 0);
        let expected = after.plus(1).get()..;
        for ((event, end), version) in self.events.iter_mut().zip(self.ends).zip(expected) {
            if event.version.get() != version {
                return Err(missing(stream, version, event.version));
            }
            event.payload = payloads.slice(begin..end);
            begin = end;
        }
        Ok(self.events)
    }
}

fn missing(stream: &StreamId, version: u64, found: Version) -> StoreError {
    let message = format!(
        "{stream} has no event at version {version}, but one at {found}: the log was changed by hand; restore it"
    );
    StoreError::new(StoreErrorKind::Undecodable, message)
}
