//! What a subscription reads, as it is recorded with its checkpoint.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use crate::model::{
    event::EventFilter,
    number::{Position, Slices},
    partitioned_by::PartitionedBy,
};

/// The kind of a role that a runner runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RoleKind {
    /// A view.
    View,
    /// A projection.
    Projection,
    /// A reactor.
    Reactor,
}

impl fmt::Display for RoleKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::View => "view",
            Self::Projection => "projection",
            Self::Reactor => "reactor",
        })
    }
}

/// What a subscription reads: categories, and the event types of each; and the kind of the role that reads it.
///
/// It is recorded beside the checkpoint, because a checkpoint says how far a subscription has read, but not what it has passed
/// over. A subscription that reads more than before would miss the events of what is new before its checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// `None` for a handler of the application's own.
    role: Option<RoleKind>,
    #[serde(default, skip_serializing_if = "PartitionedBy::is_stream")]
    partitioned_by: PartitionedBy,
    /// Without categories everything is read; without types, the whole category.
    categories: BTreeMap<String, BTreeSet<String>>,
    /// What was handled before the subscription began to read again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    handled: Vec<Handled>,
}

/// The events of some slices, up to a position, that were handled before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Handled {
    from: u16,
    to: u16,
    upto: u64,
    categories: BTreeMap<String, BTreeSet<String>>,
}

fn matches(
    categories: &BTreeMap<String, BTreeSet<String>>,
    category: &str,
    event_type: &str,
) -> bool {
    let types = categories.get(category);
    categories.is_empty()
        || types.is_some_and(|types| types.is_empty() || types.contains(event_type))
}

impl Selection {
    /// What these filters read.
    ///
    /// ```
    /// use cqrs_core::model::{EventFilter, Selection};
    ///
    /// let reads = Selection::of(&[EventFilter::new("order", &["Placed"])]);
    /// assert!(reads.matches("order", "Placed"));
    /// assert!(!reads.matches("order", "Paid"));
    /// ```
    #[must_use]
    pub fn of(reads: &[EventFilter]) -> Self {
        let mut categories = BTreeMap::new();
        for filter in reads {
            let types = filter.types.iter().map(|name| (*name).to_owned());
            categories
                .entry(filter.category.to_owned())
                .or_insert_with(BTreeSet::new)
                .extend(types);
        }
        // A whole category stays one, whatever other filters name of it.
        for whole in reads.iter().filter(|filter| filter.types.is_empty()) {
            categories.insert(whole.category.to_owned(), BTreeSet::new());
        }
        Self {
            role: None,
            partitioned_by: PartitionedBy::Stream,
            categories,
            handled: Vec::new(),
        }
    }

    /// The same, read by a role of this kind.
    #[must_use]
    pub fn by(mut self, role: Option<RoleKind>) -> Self {
        self.role = role;
        self
    }

    /// The kind of the role that reads this; `None` for a handler of the application's own.
    #[must_use]
    pub fn role(&self) -> Option<RoleKind> {
        self.role
    }

    /// The same, partitioned by this.
    #[must_use]
    pub fn partitioned_by(mut self, by: PartitionedBy) -> Self {
        self.partitioned_by = by;
        self
    }

    /// What decides in which partition an event is.
    #[must_use]
    pub fn partitioning(&self) -> PartitionedBy {
        self.partitioned_by
    }

    /// Whether an event of this category and type is read.
    #[must_use]
    pub fn matches(&self, category: &str, event_type: &str) -> bool {
        matches(&self.categories, category, event_type)
    }

    /// The same, with what `before` notes as handled.
    #[must_use]
    pub fn handled_as(mut self, before: &Self) -> Self {
        self.handled.clone_from(&before.handled);
        self
    }

    /// The same, with everything that `before` reads noted as handled: of each slice the events up to its place.
    ///
    /// ```
    /// use cqrs_core::model::{EventFilter, Position, Selection, Slices};
    ///
    /// let before = Selection::of(&[EventFilter::new("order", &["Placed"])]);
    /// let now = Selection::of(&[EventFilter::new("order", &["Placed", "Paid"])]);
    /// let now = now.handled_before(&before, [(Slices::ALL, Position::new(7))]);
    /// assert!(now.was_handled(3, Position::new(7), "order", "Placed"));
    /// assert!(!now.was_handled(3, Position::new(7), "order", "Paid"), "it was passed over");
    /// assert!(!now.was_handled(3, Position::new(8), "order", "Placed"), "it is new");
    /// ```
    #[must_use]
    pub fn handled_before(
        mut self,
        before: &Self,
        places: impl IntoIterator<Item = (Slices, Position)>,
    ) -> Self {
        let places = places.into_iter().map(|(slices, upto)| Handled {
            from: slices.from(),
            to: slices.to(),
            upto: upto.get(),
            categories: before.categories.clone(),
        });
        self.handled = before.handled.iter().cloned().chain(places).collect();
        self
    }

    /// Whether an event was handled before the subscription began to read [again](Self::handled_before).
    #[must_use]
    pub fn was_handled(
        &self,
        slice: u16,
        position: Position,
        category: &str,
        event_type: &str,
    ) -> bool {
        self.handled.iter().any(|handled| {
            (handled.from..handled.to).contains(&slice)
                && position.get() <= handled.upto
                && matches(&handled.categories, category, event_type)
        })
    }

    /// Whether something was handled before the subscription began to read [again](Self::handled_before).
    #[must_use]
    pub fn reads_again(&self) -> bool {
        !self.handled.is_empty()
    }

    /// The same, with nothing handled before.
    #[must_use]
    pub fn with_nothing_handled(mut self) -> Self {
        self.handled.clear();
        self
    }

    /// Filters for what `reads` has and this selection has not. They may find more: check each event with
    /// [`matches`](Self::matches). `None`: this selection has all of it.
    #[must_use]
    pub fn missing(&self, reads: &[EventFilter]) -> Option<Vec<EventFilter>> {
        if self.categories.is_empty() {
            return None;
        }
        if reads.is_empty() {
            return Some(Vec::new());
        }
        let missing = reads.iter().flat_map(|filter| self.missing_of(*filter));
        let missing = Vec::from_iter(missing);
        (!missing.is_empty()).then_some(missing)
    }

    fn missing_of(&self, filter: EventFilter) -> Vec<EventFilter> {
        match self.categories.get(filter.category) {
            None => vec![filter],
            Some(types) if types.is_empty() => Vec::new(),
            Some(_) if filter.types.is_empty() => vec![filter],
            Some(types) => {
                let new = filter.types.iter().filter(|name| !types.contains(**name));
                new.map(|name| EventFilter::new(filter.category, std::slice::from_ref(name)))
                    .collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERS: EventFilter = EventFilter::new("order", &["Placed", "Paid"]);
    const ALL_ORDERS: EventFilter = EventFilter::new("order", &[]);
    const BONUS: EventFilter = EventFilter::new("bonus", &["Granted"]);

    fn missing(before: &[EventFilter], now: &[EventFilter]) -> Option<Vec<EventFilter>> {
        Selection::of(before).missing(now)
    }

    #[test]
    fn only_what_was_not_read_is_missing() {
        let placed = EventFilter::new("order", &["Placed"]);
        assert_eq!(missing(&[ORDERS], &[ORDERS]), None);
        assert_eq!(
            missing(&[ORDERS, BONUS], &[placed]),
            None,
            "less than before"
        );
        assert_eq!(
            missing(&[placed], &[ORDERS]),
            Some(vec![EventFilter::new("order", &["Paid"])])
        );
        assert_eq!(missing(&[ORDERS], &[ORDERS, BONUS]), Some(vec![BONUS]));
        assert_eq!(missing(&[ORDERS], &[ALL_ORDERS]), Some(vec![ALL_ORDERS]));
        assert_eq!(missing(&[ALL_ORDERS], &[ORDERS]), None);
        assert_eq!(missing(&[ORDERS, ALL_ORDERS], &[ALL_ORDERS]), None);
        assert_eq!(missing(&[ORDERS], &[]), Some(vec![]), "everything");
        assert_eq!(missing(&[], &[ORDERS]), None);
    }

    #[test]
    fn a_selection_is_read_back_as_it_was_written() {
        let selection = Selection::of(&[ORDERS, BONUS]);
        let selection = selection.by(Some(RoleKind::View));
        let json = serde_json::to_string(&selection).expect("JSON");
        let expected =
            r#"{"role":"view","categories":{"bonus":["Granted"],"order":["Paid","Placed"]}}"#;
        assert_eq!(json, expected);
        assert_eq!(
            serde_json::from_str::<Selection>(&json).expect("reads"),
            selection
        );
    }
}
