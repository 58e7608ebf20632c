//! Waits in front of an event that newer code wrote.
//!
//! **Invariant**: such an event is neither skipped nor the end of the runner. The events before it are committed; then the runner
//! tries it again and again, so that newer code, here or in another process, continues with it.

use super::{
    attempt::AttemptError,
    worker::{Worker, before},
};
use crate::{
    model::EventId,
    ports::{Batch, Checkpoints, Inbox, Reader, StoreError},
    read::handler::Handler,
};

impl<S: Checkpoints + Inbox, H: Handler<S>, R: Reader> Worker<S, H, R> {
    /// Commits the events before the newer one first, then waits in front of it.
    pub(super) fn newer(
        &mut self,
        batch: &Batch,
        repeats: usize,
        event: EventId,
        error: StoreError,
    ) -> AttemptError {
        match before(batch, event) + repeats {
            0 => AttemptError::NewerEvent(error),
            before => self.cut(before, error.into()),
        }
    }

    /// An event of the batch is newer, but nobody said which: halves the batch until it is the only one.
    pub(super) fn some_newer(
        &mut self,
        batch: &Batch,
        repeats: usize,
        error: StoreError,
    ) -> AttemptError {
        if self.limit.halve(batch.events.len()) {
            AttemptError::Smaller(error.into())
        } else if repeats > 0 {
            self.cut(repeats, error.into())
        } else {
            AttemptError::NewerEvent(error)
        }
    }

    pub(super) async fn wait_for_newer_code(&mut self, error: &StoreError) {
        let partition = self.reader.partition();
        self.tally.newer(partition, error);
        self.reporter.newer_event(partition);
        let wait = self.retries.waiting(error);
        self.back_off(wait).await;
    }
}
