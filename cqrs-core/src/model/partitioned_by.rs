//! What decides in which partition of the log an event is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What decides in which partition of the log an event is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PartitionedBy {
    /// Its stream. A partition reads its own slices of the log only.
    #[default]
    Stream,
    /// Its ordering key. The events of one key are in one partition, also those of several streams. Each partition reads the whole log,
    /// and takes what is its own.
    OrderingKey,
}

impl PartitionedBy {
    /// Whether it is the stream.
    pub(crate) fn is_stream(&self) -> bool {
        *self == Self::Stream
    }
}

impl fmt::Display for PartitionedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stream => "stream",
            Self::OrderingKey => "ordering key",
        })
    }
}
