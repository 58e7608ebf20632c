//! A reader: follows the log from its beginning, page by page, as the runner and the relay do.

use std::{sync::Arc, time::Duration};

use cqrs_core::{
    EventId, EventStore, Position, StoreError,
    model::{Checkpoint, Slices},
    ports::LogPage,
};
use tokio::time::Instant;

use crate::{
    ids::READS_HOT,
    observations::{Observations, ReadOptions},
    run_state::RunState,
    verdict::Violation,
};

/// How long a reader with nothing to read waits for an append before it reads again.
const IDLE_WAIT: Duration = Duration::from_millis(10);

/// After the last write, a reader that has not advanced for this time will never reach the end.
const STALL_LIMIT: Duration = Duration::from_secs(30);

/// A reader that is this many positions behind reads large pages, whatever its options say.
const FAR_BEHIND: u64 = 5_000;
const CATCH_UP_PAGE_SIZE: usize = 2_000;

/// After this many pages a reader verifies its checkpoint, as a restarted reader does.
const PAGES_BETWEEN_VERIFICATIONS: u32 = 200;

/// The parts that the readers of a run read: the whole log in large and in small pages, both halves of the slices, one
/// category.
pub(crate) fn options(reader: usize) -> ReadOptions {
    let all = ReadOptions {
        slices: Slices::ALL,
        reads: &[],
        page_size: 500,
    };
    match reader % 5 {
        1 => ReadOptions {
            page_size: 20,
            ..all
        },
        2 | 3 => ReadOptions {
            slices: Slices::part(u16::from(reader % 5 == 3), 2),
            page_size: 200,
            ..all
        },
        4 => ReadOptions {
            reads: READS_HOT,
            page_size: 100,
            ..all
        },
        _ => all,
    }
}

pub(crate) struct Reader<S> {
    store: S,
    state: Arc<RunState>,
    observations: Observations,
    rng: fastrand::Rng,
    checkpoint: Option<Checkpoint>,
    pages: u32,
    /// The number of the page before which the checkpoint is verified again.
    next_verification: u32,
    failures: u32,
    last_advance: Instant,
}

impl<S: EventStore> Reader<S> {
    pub(crate) fn new(store: S, state: Arc<RunState>, number: usize) -> Self {
        Self {
            observations: Observations::new(state.run, number, options(number)),
            rng: fastrand::Rng::with_seed(state.plan.seed ^ number as u64),
            store,
            state,
            checkpoint: None,
            pages: 0,
            next_verification: PAGES_BETWEEN_VERIFICATIONS,
            failures: 0,
            last_advance: Instant::now(),
        }
    }

    /// Reads until the end of the log is known and reached.
    pub(crate) async fn follow(mut self) -> Observations {
        while !self.is_done() {
            match self.read().await {
                Ok(page) if page.upto.is_some() => self.add_page(&page),
                Ok(_) => self.store.wait_for_append(IDLE_WAIT).await,
                Err(error) if error.is_retryable() => self.back_off().await,
                Err(error) => {
                    self.state.fail(error.into());
                    self.back_off().await;
                }
            }
            // A store that never waits would not let the other tasks run.
            tokio::task::yield_now().await;
        }
        self.observations
    }

    async fn read(&mut self) -> Result<LogPage, StoreError> {
        if self.pages >= self.next_verification {
            self.verify_checkpoint().await?;
            self.next_verification = self.pages + PAGES_BETWEEN_VERIFICATIONS;
        }
        let options = self.observations.options;
        let position = self.observations.position();
        let is_far_behind = self.state.last_position().saturating_sub(position) > FAR_BEHIND;
        let max = if is_far_behind {
            CATCH_UP_PAGE_SIZE
        } else {
            options.page_size
        };
        let limit = self.rng.usize(1..=max);
        self.store.read_log(options.query(position, limit)).await
    }

    fn add_page(&mut self, page: &LogPage) {
        self.failures = 0;
        self.pages += 1;
        let before = self.observations.position();
        self.observations
            .add_page(page, self.state.started.elapsed());
        let position = self.observations.position();
        if position > before {
            self.last_advance = Instant::now();
            self.checkpoint = page.upto;
        }
        self.state.read_up_to(self.observations.reader(), position);
        if !self.observations.is_clean() {
            self.state.stop();
        }
    }

    /// The store must still hold the event of the checkpoint at its position.
    async fn verify_checkpoint(&mut self) -> Result<(), StoreError> {
        let Some(Checkpoint {
            offset, event_id, ..
        }) = self.checkpoint
        else {
            return Ok(());
        };
        let position = Position::new(offset.get());
        let found = self.store.event_id_at(position).await?;
        if found != event_id {
            let reader = self.observations.reader();
            self.observations.verdict.add(Violation::Mismatch, || {
                let describe =
                    |id: Option<EventId>| id.map_or("no event".to_owned(), |id| id.to_string());
                format!(
                    "reader {reader} read {} at position {position}, where the store now holds {}",
                    describe(event_id),
                    describe(found)
                )
            });
        }
        Ok(())
    }

    async fn back_off(&mut self) {
        self.failures += 1;
        let max = 4_u64 << self.failures.min(6);
        tokio::time::sleep(Duration::from_millis(self.rng.u64(1..=max))).await;
    }

    fn is_done(&self) -> bool {
        let Some(end) = self.state.end() else {
            return false;
        };
        let waiting_since = self.last_advance.max(self.state.end_known_since());
        self.observations.position() >= end || waiting_since.elapsed() > STALL_LIMIT
    }
}
