//! The events of a run.

use cqrs_core::Event;
use serde::{Deserialize, Serialize};

/// An event of a run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum CheckEvent {
    /// Can be handled.
    Written {},
    /// Cannot be handled until somebody has repaired it.
    Broken {},
}

impl Event for CheckEvent {
    const CATEGORY: &'static str = "check";
}
