//! What an aggregate may know beside its own state.

use std::{sync::Arc, time::SystemTime};

use crate::model::{metadata::Metadata, number::Version};

/// The circumstances of a command. Owned, so that an asynchronous decision can keep it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The aggregate's id.
    pub id: Arc<str>,
    /// The version of the state that decides.
    pub version: Version,
    /// The command's time: given to the command, or read once when it came. A retry after a conflict keeps it. Commands of a
    /// reactor are decided when their event is handled, and have that time.
    pub now: SystemTime,
    /// The ties that the resulting events will carry.
    pub metadata: Metadata,
}
