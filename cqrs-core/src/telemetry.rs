//! The names of all metrics, in one place. They go to the facade [`metrics`](https://docs.rs/metrics), for which a program installs a
//! recorder of its choice. Labels are names and numbers, never ids of streams or events.
//!
//! An exporter for Prometheus turns the dots into `_`, and adds the unit and `_total` if it is told to use recommended names:
//! `cqrs.mark.held` becomes `cqrs_mark_held_seconds`.
//!
//! ```
//! use cqrs_core::telemetry;
//!
//! // After the recorder was installed:
//! telemetry::describe();
//! assert!(telemetry::ALL.iter().any(|metric| metric.name == telemetry::SUBSCRIPTION_LAG));
//! ```

use metrics::Unit;

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricKind {
    /// A number that only rises.
    Counter,
    /// A number that rises and falls.
    Gauge,
}

/// A metric: its name, and what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// Its name, without the unit.
    pub name: &'static str,
    /// Whether it rises only.
    pub kind: MetricKind,
    /// Whether it is in seconds; otherwise it is a number.
    pub in_seconds: bool,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it says.
    pub says: &'static str,
}

macro_rules! metrics_of_this_project {
    ($($constant:ident = $name:literal: $kind:ident, $in_seconds:literal, $labels:expr, $says:literal;)+) => {
        $(
            #[doc = concat!($says, ".")]
            pub const $constant: &str = $name;
        )+

        /// All metrics.
        pub const ALL: &[Metric] = &[$(Metric {
            name: $name,
            kind: MetricKind::$kind,
            in_seconds: $in_seconds,
            labels: $labels,
            says: $says,
        }),+];
    };
}

metrics_of_this_project! {
    MARK_HELD = "cqrs.mark.held": Gauge, true, &["schema"],
        "For how long the high-water mark has not moved, although there is more to read";
    SUBSCRIPTION_POSITION = "cqrs.subscription.position": Gauge, false, &["subscription", "partition"],
        "The checkpoint: a position of the log, or an offset";
    SUBSCRIPTION_LAG = "cqrs.subscription.lag": Gauge, false, &["subscription", "partition"],
        "The events that were read last and are not handled yet, 0 when all were handled; the log may go on behind them";
    SUBSCRIPTION_LAG_TIME = "cqrs.subscription.lag.time": Gauge, true, &["subscription", "partition"],
        "The age of the first event that is not handled yet, when it was read last";
    SUBSCRIPTION_EVENTS = "cqrs.subscription.events": Counter, false, &["subscription", "partition"],
        "The events that were handled";
    SUBSCRIPTION_PARKED = "cqrs.subscription.parked": Gauge, false, &["subscription", "partition"],
        "The parked keys";
    SUBSCRIPTION_PASSED_OVER = "cqrs.subscription.passed_over": Counter, false, &["subscription", "topic"],
        "The events that were received and that the subscription does not read";
    SUBSCRIPTION_REPEATED = "cqrs.subscription.repeated": Counter, false, &["subscription", "topic"],
        "The events that the inbox took for repeats";
    SUBSCRIPTION_NEWER = "cqrs.subscription.newer": Counter, false, &["subscription", "topic"],
        "How often a runner waited in front of an event that newer code wrote";
    RELAY_POSITION = "cqrs.relay.position": Gauge, false, &["relay", "shard"],
        "The position up to which the shard has published";
    RELAY_LAG = "cqrs.relay.lag": Gauge, false, &["relay", "shard"],
        "The events that were read last and are not published yet, 0 when all were; the log may go on behind them";
    RELAY_LAG_TIME = "cqrs.relay.lag.time": Gauge, true, &["relay", "shard"],
        "The age of the first event that is not published yet, when it was read last";
    RELAY_EVENTS = "cqrs.relay.events": Counter, false, &["relay", "shard"],
        "The events that were published";
    RELAY_FOREIGN_RECORDS = "cqrs.relay.foreign_records": Counter, false, &["topic"],
        "The records in a progress topic that no relay wrote";
    CONSUMER_LAG = "cqrs.consumer.lag": Gauge, false, &["topic", "partition"],
        "The offsets between what was taken of a partition and its end, with the markers of transactions";
    CONSUMER_OPEN_TRANSACTION = "cqrs.consumer.open_transaction": Gauge, true, &["topic", "partition"],
        "For how long the open transaction of another producer has hidden records";
}

/// Tells the installed recorder the unit of each metric, and what it says. Call it once, after the recorder was installed.
pub fn describe() {
    for metric in ALL {
        let unit = match metric.in_seconds {
            true => Unit::Seconds,
            false => Unit::Count,
        };
        match metric.kind {
            MetricKind::Counter => metrics::describe_counter!(metric.name, unit, metric.says),
            MetricKind::Gauge => metrics::describe_gauge!(metric.name, unit, metric.says),
        }
    }
}
