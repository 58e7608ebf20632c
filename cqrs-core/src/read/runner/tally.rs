//! Counts and logs the events that a subscription receives and does not handle, or does not handle yet.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::newer_type::NewerType;
use crate::{
    model::{Checkpoint, EventFilter, Lane, PartitionId, RecordedEvent, chain},
    ports::{Lag, StoreError},
    telemetry,
};

/// How much time is between two log lines about the same thing.
const QUIET_TIME: Duration = Duration::from_secs(60);

/// How many different things are remembered. Event types and lanes come from other producers, without a bound.
const MOST_KEPT: usize = 1_000;

/// What a subscription passes over. All workers of a runner share it.
///
/// What it counts and measures goes to the facade `metrics`, under the names in [`telemetry`].
#[derive(Debug)]
pub(super) struct Tally {
    subscription: String,
    /// The events that the subscription reads; empty if it reads all.
    reads: Vec<EventFilter>,
    /// What it passes over on purpose.
    ignores: Vec<EventFilter>,
    log: Mutex<HashMap<LogSubject, LastLogged>>,
}

/// What a log line is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum LogSubject {
    PassedOver {
        topic: String,
        category: String,
        event_type: String,
    },
    Repeated {
        topic: String,
        lane: String,
    },
    Newer(Option<NewerType>),
}

#[derive(Debug)]
struct LastLogged {
    logged: Instant,
    /// How many since then.
    more: u64,
}

impl Tally {
    pub(super) fn new(
        subscription: &str,
        reads: Vec<EventFilter>,
        ignores: Vec<EventFilter>,
    ) -> Self {
        Self {
            subscription: subscription.to_owned(),
            reads,
            ignores,
            log: Mutex::default(),
        }
    }

    /// Counts the events of a committed batch that the subscription neither reads nor ignores on purpose.
    pub(super) fn passed_over(&self, partition: &PartitionId, events: &[RecordedEvent]) {
        let mut count = 0;
        for event in events.iter().filter(|event| !self.is_expected(event)) {
            count += 1;
            let category = event.stream.category().as_str();
            let noted = LogSubject::PassedOver {
                topic: topic(partition),
                category: category.to_owned(),
                event_type: event.event_type.chars().take(100).collect(),
            };
            let Some(events) = self.note(noted, 1) else {
                continue;
            };
            let subscription = &*self.subscription;
            if self.reads.iter().any(|reads| reads.category == category) {
                tracing::info!(
                    subscription, %partition, events,
                    "passed over: {category} {:?} is not among the types of this partial reader; if it is not needed, list it in Event::IGNORED",
                    event.event_type
                );
            } else {
                tracing::warn!(
                    subscription, %partition, events,
                    "passed over: this subscription does not read category {category} ({:?})",
                    event.event_type
                );
            }
        }
        if count > 0 {
            let subscription = self.subscription.clone();
            metrics::counter!(telemetry::SUBSCRIPTION_PASSED_OVER, "subscription" => subscription, "topic" => topic(partition))
                .increment(count);
        }
    }

    /// Counts the events of a committed batch that the inbox removed as repeats.
    pub(super) fn repeated(&self, partition: &PartitionId, repeats: &HashMap<Lane, u64>) {
        for (lane, count) in repeats {
            let noted = LogSubject::Repeated {
                topic: topic(partition),
                lane: lane.as_str().chars().take(100).collect(),
            };
            if let Some(events) = self.note(noted, *count) {
                let subscription = &*self.subscription;
                tracing::warn!(
                    subscription, %partition, lane = lane.as_str(), events,
                    "passed over as repeats: a later position of this lane was received before"
                );
            }
            let subscription = self.subscription.clone();
            metrics::counter!(telemetry::SUBSCRIPTION_REPEATED, "subscription" => subscription, "topic" => topic(partition))
                .increment(*count);
        }
    }

    /// Counts an attempt to handle an event that newer code wrote.
    pub(super) fn newer(&self, partition: &PartitionId, error: &StoreError) {
        if let Some(attempts) = self.note(LogSubject::Newer(NewerType::of(error)), 1) {
            let subscription = &*self.subscription;
            tracing::warn!(
                subscription, %partition, attempts, error = %chain(error),
                "waits in front of an event that newer code wrote; deploy that code here, too"
            );
        }
        let subscription = self.subscription.clone();
        metrics::counter!(telemetry::SUBSCRIPTION_NEWER, "subscription" => subscription, "topic" => topic(partition))
            .increment(1);
    }

    /// Reports how far a partition is behind.
    pub(super) fn lag(&self, partition: &PartitionId, lag: Lag) {
        let age = lag.age.unwrap_or_default();
        self.gauge(telemetry::SUBSCRIPTION_LAG, partition, float(lag.events));
        self.gauge(
            telemetry::SUBSCRIPTION_LAG_TIME,
            partition,
            age.as_secs_f64(),
        );
    }

    /// Reports how far a partition is, and counts what was handled.
    pub(super) fn handled(&self, partition: &PartitionId, at: Option<Checkpoint>, events: u64) {
        let at = at.map_or(0, |at| at.offset.get());
        self.gauge(telemetry::SUBSCRIPTION_POSITION, partition, float(at));
        let subscription = self.subscription.clone();
        metrics::counter!(telemetry::SUBSCRIPTION_EVENTS, "subscription" => subscription, "partition" => partition.to_string())
            .increment(events);
    }

    fn gauge(&self, name: &'static str, partition: &PartitionId, value: f64) {
        let subscription = self.subscription.clone();
        metrics::gauge!(name, "subscription" => subscription, "partition" => partition.to_string())
            .set(value);
    }

    /// Reports how many keys of a partition are parked.
    pub(super) fn parked(&self, partition: &PartitionId, keys: u64) {
        self.gauge(telemetry::SUBSCRIPTION_PARKED, partition, float(keys));
    }

    /// Whether the subscription reads the event, or ignores it on purpose.
    fn is_expected(&self, event: &RecordedEvent) -> bool {
        let category = event.stream.category().as_str();
        let mut known = self.reads.iter().chain(&self.ignores);
        self.reads.is_empty() || known.any(|known| known.matches(category, &event.event_type))
    }

    /// How many events to report, if a report is due.
    fn note(&self, noted: LogSubject, count: u64) -> Option<u64> {
        let now = Instant::now();
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(note) = log.get_mut(&noted) {
            note.more += count;
            if now - note.logged < QUIET_TIME {
                return None;
            }
            note.logged = now;
            return Some(std::mem::take(&mut note.more));
        }
        if log.len() >= MOST_KEPT {
            log.retain(|_, note| now - note.logged < QUIET_TIME);
            if log.len() >= MOST_KEPT {
                return None;
            }
        }
        log.insert(
            noted,
            LastLogged {
                logged: now,
                more: 0,
            },
        );
        Some(count)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
const fn float(number: u64) -> f64 {
    number as f64
}

fn topic(partition: &PartitionId) -> String {
    match partition {
        PartitionId::Log(_) => "log".to_owned(),
        PartitionId::Topic { topic, .. } => topic.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    use metrics::{
        Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata as About, Recorder,
        SharedString, Unit,
    };

    use super::*;
    use crate::model::{Category, EventId, Metadata, Position, StreamId, Version};
    use crate::ports::StoreErrorKind;

    /// Adds up all counters, by name and topic.
    #[derive(Debug, Default)]
    struct Sums(Mutex<HashMap<(String, String), Arc<Sum>>>);

    #[derive(Debug, Default)]
    struct Sum(AtomicU64);

    impl CounterFn for Sum {
        fn increment(&self, value: u64) {
            self.0.fetch_add(value, Ordering::Relaxed);
        }
        fn absolute(&self, value: u64) {
            self.0.store(value, Ordering::Relaxed);
        }
    }

    impl Recorder for Sums {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, key: &Key, _: &About<'_>) -> Counter {
            let topic = key.labels().find(|label| label.key() == "topic");
            let topic = topic.expect("has this label").value().to_owned();
            let mut sums = self.0.lock().expect("no panic");
            let sum = sums.entry((key.name().to_owned(), topic)).or_default();
            Counter::from_arc(Arc::clone(sum))
        }
        fn register_gauge(&self, _: &Key, _: &About<'_>) -> Gauge {
            Gauge::noop()
        }
        fn register_histogram(&self, _: &Key, _: &About<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    impl Sums {
        fn get(&self, name: &str, topic: &str) -> u64 {
            let sums = self.0.lock().expect("no panic");
            let sum = sums.get(&(name.to_owned(), topic.to_owned()));
            sum.map_or(0, |sum| sum.0.load(Ordering::Relaxed))
        }
    }

    fn event(category: &str, event_type: &str) -> RecordedEvent {
        RecordedEvent::new(
            EventId::random(),
            StreamId::new(Category::new(category).expect("valid"), "1").expect("valid"),
            Version::EMPTY,
            Position::new(1),
            event_type,
            "{}",
            std::time::UNIX_EPOCH,
        )
        .metadata(Metadata::default())
    }

    fn partition(number: i32) -> PartitionId {
        PartitionId::Topic {
            topic: "shop.order".into(),
            partition: number,
        }
    }

    #[test]
    fn events_that_are_not_read_and_repeats_are_counted() {
        let sums = Sums::default();
        metrics::with_local_recorder(&sums, || {
            let reads = vec![
                EventFilter::new("order", &["Placed"]),
                EventFilter::new("stock", &[]),
            ];
            let tally = Tally::new(
                "orders",
                reads,
                vec![EventFilter::new("order", &["Archived"])],
            );
            let events = [
                event("order", "Placed"),
                event("order", "Cancelled"),
                event("order", "Archived"),
                event("stock", "Reserved"),
                event("note", "Placed"),
                event("note", "Archived"),
            ];
            tally.passed_over(&partition(0), &events);
            tally.passed_over(&partition(1), &events[..2]);
            let repeats = [(Lane::new("relay.0"), 3), (Lane::new("relay.1"), 1)];
            tally.repeated(&partition(0), &repeats.into());
            let newer = StoreError::new(StoreErrorKind::NewerEvent, "written by newer code");
            tally.newer(&partition(0), &newer);
            tally.newer(&partition(1), &newer);
            Tally::new("all", Vec::new(), Vec::new()).passed_over(&partition(0), &events);
        });
        assert_eq!(sums.get("cqrs.subscription.passed_over", "shop.order"), 4);
        assert_eq!(sums.get("cqrs.subscription.repeated", "shop.order"), 4);
        assert_eq!(sums.get("cqrs.subscription.newer", "shop.order"), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn one_line_a_minute_has_the_number_since_the_last() {
        let tally = Tally::new("orders", vec![EventFilter::new("order", &[])], Vec::new());
        let noted = |name: &str| LogSubject::Repeated {
            topic: "shop.order".to_owned(),
            lane: name.to_owned(),
        };
        assert_eq!(tally.note(noted("a"), 5), Some(5));
        assert_eq!(tally.note(noted("a"), 1), None);
        assert_eq!(tally.note(noted("b"), 2), Some(2), "another lane");
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(tally.note(noted("a"), 1), None);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(tally.note(noted("a"), 1), Some(3));
    }

    #[tokio::test(start_paused = true)]
    async fn names_without_a_bound_do_not_fill_the_memory() {
        let tally = Tally::new("orders", Vec::new(), Vec::new());
        let noted = |number: usize| LogSubject::Repeated {
            topic: "shop.order".to_owned(),
            lane: number.to_string(),
        };
        let said = |numbers: std::ops::Range<usize>| {
            numbers
                .filter(|number| tally.note(noted(*number), 1).is_some())
                .count()
        };
        assert_eq!(said(0..5_000), MOST_KEPT);
        tokio::time::advance(QUIET_TIME).await;
        assert_eq!(said(5_000..10_000), MOST_KEPT);
        assert_eq!(tally.log.lock().expect("no panic").len(), MOST_KEPT);
    }
}
