//! The information that an aggregate gets with a command, beside its own state.

use std::{sync::Arc, time::SystemTime};

use crate::model::{metadata::Metadata, number::Version};

/// The context of a command. It owns its data, so that an asynchronous decision can keep it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The aggregate's id.
    pub id: Arc<str>,
    /// The version of the aggregate's state.
    pub version: Version,
    /// The command's time: given by the caller, or read once when the command arrived. A retry after a conflict keeps it.
    /// The command of a reactor has the time at which its event is handled.
    pub now: SystemTime,
    /// The metadata of the resulting events.
    pub metadata: Metadata,
}
