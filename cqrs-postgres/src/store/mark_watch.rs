//! Watches whether the mark moves.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use cqrs_core::{Position, telemetry};

/// Watches one mark for all readers of a process.
#[derive(Debug)]
pub(crate) struct MarkWatch {
    threshold: Duration,
    /// The label of the metric.
    schema: String,
    held: Mutex<Option<Held>>,
}

#[derive(Debug)]
struct Held {
    mark: Position,
    since: Instant,
    report_after: Duration,
}

impl MarkWatch {
    pub(crate) fn new(threshold: Duration, schema: &str) -> Self {
        Self {
            threshold,
            schema: schema.to_owned(),
            held: Mutex::new(None),
        }
    }

    /// For how long the mark has not moved, if that is to be reported: after the threshold, and again whenever the time has
    /// doubled.
    pub(crate) fn observe(
        &self,
        mark: Position,
        drawn: Position,
        now: Instant,
    ) -> Option<Duration> {
        let mut held = self
            .held
            .lock()
            .expect("no call panics while it holds the lock");
        if mark >= drawn {
            *held = None;
            self.measure(Duration::ZERO);
            return None;
        }
        match &mut *held {
            Some(held) if held.mark == mark => {
                let lasted = now.saturating_duration_since(held.since);
                self.measure(lasted);
                let report = lasted >= held.report_after;
                if report {
                    held.report_after = lasted * 2;
                }
                report.then_some(lasted)
            }
            other => {
                self.measure(Duration::ZERO);
                *other = Some(Held {
                    mark,
                    since: now,
                    report_after: self.threshold,
                });
                None
            }
        }
    }

    fn measure(&self, held: Duration) {
        metrics::gauge!(telemetry::MARK_HELD, "schema" => self.schema.clone())
            .set(held.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_that_does_not_move_is_reported_at_doubling_times() {
        let watch = MarkWatch::new(Duration::from_secs(5), "cqrs");
        let begin = Instant::now();
        let observe = |seconds, mark, drawn| {
            let now = begin + Duration::from_secs(seconds);
            watch.observe(Position::new(mark), Position::new(drawn), now)
        };
        let reported = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(observe(0, 7, 9), None);
        assert_eq!(observe(4, 7, 12), None);
        assert_eq!(observe(5, 7, 12), reported(5));
        assert_eq!(observe(6, 7, 12), None);
        assert_eq!(observe(10, 7, 12), reported(10));
        assert_eq!(observe(11, 8, 12), None, "it moved");
        assert_eq!(observe(15, 8, 12), None);
        assert_eq!(observe(16, 12, 12), None, "nobody waits");
        assert_eq!(observe(60, 12, 13), None);
        assert_eq!(observe(65, 12, 13), reported(5));
    }
}
