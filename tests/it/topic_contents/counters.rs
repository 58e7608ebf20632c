//! The counters of this process.

use cqrs_core::telemetry::{self, MetricKind};

use super::*;

/// The counters of this process, by name and topic.
#[derive(Debug, Clone, Default)]
pub(super) struct Counters(Arc<Mutex<HashMap<(String, String), Arc<Sum>>>>);

#[derive(Debug, Default)]
struct Sum(AtomicU64);

pub(super) static COUNTERS: LazyLock<Counters> = LazyLock::new(|| {
    let counters = Counters::default();
    metrics::set_global_recorder(counters.clone()).expect("the only recorder");
    counters
});

pub(super) fn counted(counter: &str, topic: &str) -> u64 {
    let counters = COUNTERS.0.lock().expect("no panic");
    let sum = counters.get(&(counter.to_owned(), topic.to_owned()));
    sum.map_or(0, |sum| sum.0.load(Ordering::Relaxed))
}

impl CounterFn for Sum {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }

    fn absolute(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

impl Recorder for Counters {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        check(key, MetricKind::Counter);
        let topic = key.labels().find(|label| label.key() == "topic");
        let topic = topic.map_or("", |label| label.value()).to_owned();
        let mut counters = self.0.lock().expect("no panic");
        let sum = counters.entry((key.name().to_owned(), topic)).or_default();
        Counter::from_arc(Arc::clone(sum))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        check(key, MetricKind::Gauge);
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// No metric of ours is outside of the list: not its name, its kind, or its labels.
fn check(key: &Key, kind: MetricKind) {
    let name = key.name();
    let listed = telemetry::ALL.iter().find(|metric| metric.name == name);
    let listed = listed.unwrap_or_else(|| panic!("{name} is not listed"));
    let labels = Vec::from_iter(key.labels().map(metrics::Label::key));
    assert_eq!((listed.kind, listed.labels), (kind, &*labels), "{name}");
}
