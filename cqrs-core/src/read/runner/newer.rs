//! Waits in front of an event that newer code wrote.
//!
//! **Invariant**: such an event is neither parked, skipped nor the end of the runner. The events before it are committed; then the
//! runner tries it again and again, so that newer code, here or in another process, continues with it.

use super::worker::Worker;
use crate::{
    ports::{Checkpoints, Inbox, Parking, Reader, StoreError},
    read::handler::Handler,
};

impl<S: Checkpoints + Inbox + Parking, H: Handler<S>, R: Reader> Worker<S, H, R> {
    pub(super) async fn wait_for_newer_code(&mut self, error: &StoreError) {
        let partition = self.reader.partition();
        self.tally.newer(partition, error);
        self.reporter.newer_event(partition);
        let wait = self.retries.waiting(error);
        self.back_off(wait).await;
    }
}
