//! How many events a loop asks for in a page of the log.

use crate::ports::LogPage;

/// The number of events to ask for, at most. A page ends early when its events are large; then the loop asks for fewer, so
/// that the store reads little that it does not return.
#[derive(Debug)]
pub(crate) struct PageLimit(usize);

impl Default for PageLimit {
    fn default() -> Self {
        Self(usize::MAX)
    }
}

impl PageLimit {
    /// The number of events to ask for instead of `wanted`.
    pub(crate) fn limit(&self, wanted: usize) -> usize {
        wanted.min(self.0)
    }

    /// Learns from a page.
    pub(crate) fn note(&mut self, page: &LogPage) {
        let full = if page.cut { page.events.len() } else { self.0 };
        self.0 = full.max(1).saturating_mul(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Category, EventId, Position, RecordedEvent, StreamId, Version};

    fn page(events: usize) -> LogPage {
        let category = Category::new("account").expect("valid");
        let event = RecordedEvent::new(
            EventId::random(),
            StreamId::new(category, "ann").expect("valid"),
            Version::new(1),
            Position::new(1),
            "Opened",
            "{}",
            std::time::SystemTime::UNIX_EPOCH,
        );
        LogPage::new(vec![event; events], None)
    }

    #[test]
    fn a_page_that_was_cut_makes_the_next_one_smaller() {
        let mut limit = PageLimit::default();
        limit.note(&page(100));
        assert_eq!(limit.limit(100), 100);
        limit.note(&page(3).cut());
        assert_eq!(limit.limit(100), 6);
        limit.note(&page(6));
        assert_eq!((limit.limit(100), limit.limit(5)), (12, 5));
        limit.note(&page(0).cut());
        assert_eq!(limit.limit(100), 2, "a page has at least one event");
    }
}
