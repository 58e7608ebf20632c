//! What newer code wrote, as a log line names it.

use std::{error::Error, iter::successors};

use crate::codec::CodecError;

/// What newer code wrote.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct NewerType {
    pub(super) event_type: String,
    pub(super) schema_version: u32,
    pub(super) known: u32,
}

impl NewerType {
    /// From the sources of an error.
    pub(super) fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut sources = successors(Some(error), |error| (*error).source());
        sources.find_map(|error| match error.downcast_ref()? {
            CodecError::NewerVersion {
                event_type,
                schema_version,
                known,
            } => Some(Self {
                event_type: event_type.chars().take(100).collect(),
                schema_version: *schema_version,
                known: *known,
            }),
            _ => None,
        })
    }
}
