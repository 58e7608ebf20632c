//! The information that an aggregate gets with a command, beside its own state.

use std::{sync::Arc, time::SystemTime};

use crate::model::{metadata::Metadata, number::Version};

/// The context of a command. It owns its data, so that an asynchronous decision can keep it.
///
/// ```
/// # use cqrs_core::prelude::*;
/// # use std::time::{Duration, SystemTime};
/// # #[derive(serde::Serialize, serde::Deserialize)] enum SeatEvent { Reserved { until: SystemTime } }
/// # impl Event for SeatEvent { const CATEGORY: &'static str = "seat"; }
/// # #[derive(Clone)] struct Reserve { minutes: u64 }
/// # #[derive(Default)] struct Seat;
/// # impl Aggregate for Seat {
/// #     type Command = Reserve; type Event = SeatEvent; type Error = std::convert::Infallible;
/// #     fn apply(&mut self, _: SeatEvent) {}
/// fn handle(&self, Reserve { minutes }: Reserve, context: &Context) -> Decision<Self> {
///     // Not the system's clock: a repeated decision must have the same result.
///     let until = context.now + Duration::from_secs(60 * minutes);
///     Ok(vec![SeatEvent::Reserved { until }])
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
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

impl Context {
    /// The context of a command to the aggregate called `id`, whose state has this version.
    #[must_use]
    pub fn new(
        id: impl Into<Arc<str>>,
        version: Version,
        now: SystemTime,
        metadata: Metadata,
    ) -> Self {
        Self {
            id: id.into(),
            version,
            now,
            metadata,
        }
    }
}
