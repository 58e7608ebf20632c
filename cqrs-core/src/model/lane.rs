//! The publisher of an event in a topic.

use std::{fmt, sync::Arc};

use uuid::Uuid;

use crate::model::{log_identity::LogId, number::Slices, stream::Category};

/// The events of one category and one range of slices of a log. Within a lane and a partition of a topic, positions rise, so
/// an event at or below the highest position received is a repeat, whichever relay has published it, and to whichever topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lane(Arc<str>);

impl Lane {
    /// The lane with this name.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The lane of these events.
    #[must_use]
    pub fn of(log: LogId, slices: Slices, category: &Category) -> Self {
        let (from, to) = (slices.from(), slices.to());
        Self::new(format!("{log}/{from}..{to}/{category}"))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The log whose events these are; `None` if the name does not begin with one.
    #[must_use]
    pub fn log(&self) -> Option<LogId> {
        let (log, _) = self.0.split_once('/')?;
        Uuid::parse_str(log).ok().map(LogId::from_uuid)
    }

    /// The slices whose events these are; `None` if the name does not have them.
    #[must_use]
    pub fn slices(&self) -> Option<Slices> {
        let (from, to) = self.0.split('/').nth(1)?.split_once("..")?;
        Slices::new(from.parse().ok()?, to.parse().ok()?)
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_names_its_log() {
        let (log, category) = (LogId::random(), Category::new("order").expect("valid"));
        let lane = Lane::of(log, Slices::part(1, 2), &category);
        assert_eq!(lane.as_str(), format!("{log}/512..1024/order"));
        assert_eq!(lane.log(), Some(log));
        assert_eq!(lane.slices(), Some(Slices::part(1, 2)));
        assert_eq!(Lane::new("shop.relay.0").log(), None);
    }
}
