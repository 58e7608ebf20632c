//! A reader: follows the log from its beginning, page by page, as the runner and the relay do.

use std::{sync::Arc, time::Duration};

use cqrs_core::{
    EventStore, Position, StoreError,
    model::{Checkpoint, Slices},
    ports::LogPage,
};
use tokio::time::Instant;

use crate::{
    names::READS_HOT,
    scene::Scene,
    sightings::{Sightings, Taste},
    verdict::Kind,
};

/// How long a reader with nothing to read waits for an append before it looks again.
const IDLE: Duration = Duration::from_millis(10);

/// How long a reader may take for a step once nobody writes any more. Then it stands still for good.
const PATIENCE: Duration = Duration::from_secs(30);

/// A reader that is so many positions behind takes large pages, whatever its taste.
const FAR_BEHIND: u64 = 5_000;
const CATCHING_UP: usize = 2_000;

/// A reader makes sure of its place once in so many pages, as one does that starts again.
const PAGES_BETWEEN_STARTS: u32 = 200;

/// What the readers of a run ask for: the whole log in large and small pages, two halves of the slices, one category.
pub(crate) fn taste(reader: usize) -> Taste {
    let all = Taste {
        slices: Slices::ALL,
        reads: &[],
        page: 500,
    };
    match reader % 5 {
        1 => Taste { page: 20, ..all },
        2 | 3 => Taste {
            slices: Slices::part(u16::from(reader % 5 == 3), 2),
            page: 200,
            ..all
        },
        4 => Taste {
            reads: READS_HOT,
            page: 100,
            ..all
        },
        _ => all,
    }
}

pub(crate) struct Reader<S> {
    store: S,
    scene: Arc<Scene>,
    sightings: Sightings,
    rng: fastrand::Rng,
    /// Where it stands, as a checkpoint would keep it.
    checkpoint: Option<Checkpoint>,
    pages: u32,
    /// The page at which it makes sure of its place again.
    sure_until: u32,
    failures: u32,
    /// When it last came further.
    moved: Instant,
}

impl<S: EventStore> Reader<S> {
    pub(crate) fn new(store: S, scene: Arc<Scene>, name: usize) -> Self {
        Self {
            sightings: Sightings::new(scene.run, name, taste(name)),
            rng: fastrand::Rng::with_seed(scene.plan.seed ^ name as u64),
            store,
            scene,
            checkpoint: None,
            pages: 0,
            sure_until: PAGES_BETWEEN_STARTS,
            failures: 0,
            moved: Instant::now(),
        }
    }

    /// Reads until the end of the log is known and reached.
    pub(crate) async fn follow(mut self) -> Sightings {
        while !self.is_done() {
            match self.read().await {
                Ok(page) if page.upto.is_some() => self.take(&page),
                Ok(_) => self.store.wait_for_append(IDLE).await,
                Err(error) if error.is_retryable() => self.back_off().await,
                Err(error) => {
                    self.scene.fail(error.into());
                    self.back_off().await;
                }
            }
            // A store that never waits would leave nobody else a turn.
            tokio::task::yield_now().await;
        }
        self.sightings
    }

    async fn read(&mut self) -> Result<LogPage, StoreError> {
        if self.pages >= self.sure_until {
            self.make_sure().await?;
            self.sure_until = self.pages + PAGES_BETWEEN_STARTS;
        }
        let (taste, place) = (self.sightings.taste, self.sightings.place());
        let behind = self.scene.furthest().saturating_sub(place) > FAR_BEHIND;
        let most = if behind { CATCHING_UP } else { taste.page };
        let limit = self.rng.usize(1..=most);
        self.store.read_log(taste.query(place, limit)).await
    }

    fn take(&mut self, page: &LogPage) {
        self.failures = 0;
        self.pages += 1;
        let before = self.sightings.place();
        self.sightings.take(page, self.scene.begun.elapsed());
        if self.sightings.place() > before {
            self.moved = Instant::now();
            self.checkpoint = page.upto;
        }
        self.scene
            .read_up_to(self.sightings.name(), self.sightings.place());
        if !self.sightings.is_sound() {
            self.scene.stop();
        }
    }

    /// The event it stands on must still be there.
    async fn make_sure(&mut self) -> Result<(), StoreError> {
        let Some(Checkpoint { offset, event_id }) = self.checkpoint else {
            return Ok(());
        };
        let found = self.store.event_id_at(Position::new(offset.get())).await?;
        if found != event_id {
            let name = self.sightings.name();
            self.sightings.verdict.add(Kind::Disagrees, || {
                let id = |id: Option<cqrs_core::EventId>| {
                    id.map_or("no event".to_owned(), |id| id.to_string())
                };
                let (was, is) = (id(event_id), id(found));
                format!(
                    "reader {name} stood on {was} at position {}, where there is {is} now",
                    offset.get()
                )
            });
        }
        Ok(())
    }

    async fn back_off(&mut self) {
        self.failures += 1;
        let most = 4_u64 << self.failures.min(6);
        tokio::time::sleep(Duration::from_millis(self.rng.u64(1..=most))).await;
    }

    fn is_done(&self) -> bool {
        let stuck = || self.moved.max(self.scene.ended_at()).elapsed() > PATIENCE;
        self.scene
            .end()
            .is_some_and(|end| self.sightings.place() >= end || stuck())
    }
}
