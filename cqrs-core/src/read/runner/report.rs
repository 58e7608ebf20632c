//! What a worker reports of its partition, to its progress and to the metrics.

use super::worker::Worker;
use crate::{
    model::{Checkpoint, RecordedEvent},
    ports::{Checkpoints, Inbox, Lag, Parking, Reader},
    read::handler::Handler,
};

impl<S: Checkpoints + Inbox + Parking, H: Handler<S>, R: Reader> Worker<S, H, R> {
    /// These events were read, and are not handled yet.
    pub(super) fn report_behind(&mut self, events: &[RecordedEvent]) {
        let Some(first) = events.first() else { return };
        let partition = self.reader.partition();
        self.reporter.behind(partition, events);
        let age = first.recorded_at.elapsed().unwrap_or_default();
        let lag = Lag::new(events.len() as u64, true, Some(age));
        self.tally.lag(partition, lag);
        self.is_behind = true;
    }

    /// So many events were handled, and the checkpoint is here now.
    pub(super) fn report_handled(&self, at: Option<Checkpoint>, events: usize) {
        let partition = self.reader.partition();
        self.reporter.reading(partition, at);
        self.reporter.handled(partition, events);
        self.tally.handled(partition, at, events as u64);
    }

    /// Everything was handled.
    pub(super) fn report_caught_up(&mut self) {
        let partition = self.reader.partition();
        self.reporter.caught_up(partition);
        // An idle worker comes here many times a second.
        if std::mem::take(&mut self.is_behind) {
            self.tally.lag(partition, Lag::NONE);
        }
    }
}
