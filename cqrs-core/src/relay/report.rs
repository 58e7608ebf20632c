//! What a shard reports, to the progress of its relay and to the metrics.

use super::shard::Shard;
use crate::{
    model::{Checkpoint, RecordedEvent},
    ports::Lag,
    telemetry,
};

impl<S, P> Shard<'_, S, P> {
    /// These events were read, and are not published yet.
    pub(super) fn report_behind(&mut self, events: &[RecordedEvent]) {
        let Some(first) = events.first() else { return };
        self.relay.reporter.behind(&self.partition, events);
        let age = first.recorded_at.elapsed().unwrap_or_default();
        self.measure(Lag::new(events.len() as u64, true, Some(age)));
        self.is_behind = true;
    }

    /// So many events were published, up to here.
    pub(super) fn report_published(&self, upto: Checkpoint, events: usize) {
        self.relay.reporter.reading(&self.partition, Some(upto));
        self.relay.reporter.handled(&self.partition, events);
        self.gauge(telemetry::RELAY_POSITION, float(upto.offset.get()));
        let (relay, shard) = (self.relay.name.clone(), self.number.to_string());
        metrics::counter!(telemetry::RELAY_EVENTS, "relay" => relay, "shard" => shard)
            .increment(events as u64);
    }

    /// Everything was published.
    pub(super) fn report_caught_up(&mut self) {
        self.relay.reporter.caught_up(&self.partition);
        // An idle shard comes here many times a second.
        if std::mem::take(&mut self.is_behind) {
            self.measure(Lag::NONE);
        }
    }

    fn measure(&self, lag: Lag) {
        self.gauge(telemetry::RELAY_LAG, float(lag.events));
        let age = lag.age.unwrap_or_default();
        self.gauge(telemetry::RELAY_LAG_TIME, age.as_secs_f64());
    }

    fn gauge(&self, name: &'static str, value: f64) {
        let (relay, shard) = (self.relay.name.clone(), self.number.to_string());
        metrics::gauge!(name, "relay" => relay, "shard" => shard).set(value);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
const fn float(number: u64) -> f64 {
    number as f64
}
