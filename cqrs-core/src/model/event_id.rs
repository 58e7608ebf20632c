//! The id of an event, in the store, in topics and in consumers.

use std::fmt;

use uuid::Uuid;

/// Identifies one event, in the store, in topics and in consumers. It never changes.
///
/// ```
/// # use cqrs_core::EventId;
/// let id = EventId::random();
/// // Your own tables hold the UUID, for example as a primary key.
/// let stored = id.as_uuid();
/// assert_eq!(EventId::from_uuid(stored), id);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(Uuid);

impl EventId {
    /// A new id. It starts with the time (UUID version 7), so that new ids are neighbours in an index.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id with this UUID.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The UUID.
    #[must_use]
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
