//! A search of the log, in both directions, by names that are known at run time.

use std::collections::VecDeque;

use super::{LogPage, LogQuery};
use crate::model::{Category, Checkpoint, Position, RecordedEvent};

/// How many events a page has that a search reads.
const PAGE: usize = 1_000;

/// A search of the log: for support, reports and tools. Readers that must not miss an event page with [`LogQuery`].
///
/// An event is found if it is in the range of positions, and its category, its type and its stream's id are among those asked
/// for.
///
/// ```
/// # use cqrs_core::{model::Category, ports::{EventStore, LogSearch}, prelude::*};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = MemoryEventStore::default();
/// // The last ten orders of 2026 that were cancelled, the newest first.
/// let cancelled = LogSearch::newest_first(10)
///     .categories([Category::new("order")?])
///     .types(["Cancelled"])
///     .id_prefix("2026-");
/// let found = store.search_log(&cancelled).await?;
/// if let Some(oldest) = found.last() {
///     // The ten before them.
///     let more = store.search_log(&cancelled.before(oldest.position)).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogSearch {
    /// Whether the search goes backwards, from the newest event.
    pub newest_first: bool,
    /// Only events after this position.
    pub after: Position,
    /// Only events before this position; `None` for all.
    pub before: Option<Position>,
    /// Only these categories; empty for all.
    pub categories: Vec<Category>,
    /// Only these event types; empty for all.
    pub types: Vec<String>,
    /// Only streams with an id that starts with this; empty for all.
    pub id_prefix: String,
    /// The maximum number of events to find.
    pub limit: usize,
    /// The search ends with the event at which the payloads reach this many bytes, so it finds at least one event if there is
    /// one; [`LogQuery::BYTES`] by default.
    pub bytes: usize,
}

impl LogSearch {
    /// Up to `limit` events, from the last one backwards.
    #[must_use]
    pub const fn newest_first(limit: usize) -> Self {
        Self {
            newest_first: true,
            after: Position::START,
            before: None,
            categories: Vec::new(),
            types: Vec::new(),
            id_prefix: String::new(),
            limit,
            bytes: LogQuery::BYTES,
        }
    }

    /// Up to `limit` events, from the first one on.
    #[must_use]
    pub const fn oldest_first(limit: usize) -> Self {
        let mut search = Self::newest_first(limit);
        search.newest_first = false;
        search
    }

    /// Only events after this position.
    #[must_use]
    pub const fn after(mut self, after: Position) -> Self {
        self.after = after;
        self
    }

    /// Only events before this position.
    #[must_use]
    pub const fn before(mut self, before: Position) -> Self {
        self.before = Some(before);
        self
    }

    /// Only these categories.
    #[must_use]
    pub fn categories(mut self, categories: impl IntoIterator<Item = Category>) -> Self {
        self.categories = Vec::from_iter(categories);
        self
    }

    /// Only these event types, as they are stored: an upcaster's older names are others.
    #[must_use]
    pub fn types(mut self, types: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.types = types.into_iter().map(Into::into).collect();
        self
    }

    /// Only streams with an id that starts with this.
    #[must_use]
    pub fn id_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.id_prefix = prefix.into();
        self
    }

    /// The search ends with the event at which the payloads reach this many bytes.
    #[must_use]
    pub const fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// The last position to search in a log that is complete up to `mark`.
    #[must_use]
    pub fn end(&self, mark: Position) -> Position {
        let end = |before: Position| Position::new(before.get().saturating_sub(1));
        self.before.map_or(mark, |before| mark.min(end(before)))
    }

    /// Whether every event in the range of positions is found.
    #[must_use]
    pub const fn finds_all(&self) -> bool {
        self.categories.is_empty() && self.types.is_empty() && self.id_prefix.is_empty()
    }

    fn finds(&self, event: &RecordedEvent) -> bool {
        let (category, event_type) = (event.stream.category(), &*event.event_type);
        (self.categories.is_empty() || self.categories.contains(category))
            && (self.types.is_empty() || self.types.iter().any(|of| of == event_type))
            && event.stream.id().starts_with(&self.id_prefix)
    }
}

/// A search that reads the range page by page from its beginning, whatever the direction.
pub(super) struct PagedSearch<'a> {
    search: &'a LogSearch,
    /// The next page; `None` after the last one.
    next: Option<LogQuery<'static>>,
    /// What was found, in the order of the log.
    events: VecDeque<RecordedEvent>,
    bytes: usize,
}

impl<'a> PagedSearch<'a> {
    /// In a log that is complete up to `mark`.
    pub(super) fn new(search: &'a LogSearch, mark: Position) -> Self {
        let first = LogQuery::new(search.after, PAGE).upto(search.end(mark));
        Self {
            search,
            next: Some(first),
            events: VecDeque::new(),
            bytes: 0,
        }
    }

    /// The page to read next; `None` if everything was found.
    pub(super) fn next(&self) -> Option<LogQuery<'static>> {
        self.next.filter(|_| !self.is_complete())
    }

    /// Searches the page.
    pub(super) fn search(&mut self, page: LogPage) {
        let from = |searched: Checkpoint| Position::new(searched.offset.get());
        self.next = page
            .upto
            .and_then(|searched| Some(self.next?.after(from(searched))));
        for event in page.events {
            if self.search.finds(&event) && !self.is_complete() {
                self.push(event);
            }
        }
    }

    /// Whether later events change nothing.
    fn is_complete(&self) -> bool {
        let is_full = self.events.len() >= self.search.limit
            || (self.bytes >= self.search.bytes && !self.events.is_empty());
        self.search.limit == 0 || (is_full && !self.search.newest_first)
    }

    fn push(&mut self, event: RecordedEvent) {
        self.bytes += event.payload.len();
        self.events.push_back(event);
        while self.has_too_many() {
            let oldest = self.events.pop_front();
            self.bytes -= oldest.map_or(0, |event| event.payload.len());
        }
    }

    /// Whether the events without the oldest are as many as a search returns.
    fn has_too_many(&self) -> bool {
        let oldest = self.events.front().map_or(0, |event| event.payload.len());
        self.events.len() > self.search.limit
            || (self.events.len() > 1 && self.bytes - oldest >= self.search.bytes)
    }

    /// The events in the direction of the search.
    pub(super) fn into_events(self) -> Vec<RecordedEvent> {
        let mut events = Vec::from(self.events);
        if self.search.newest_first {
            events.reverse();
        }
        events
    }
}
