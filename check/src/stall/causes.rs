//! Asks the store what blocks a reader, again and again while the stall lasts.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};

use super::StalledReader;
use crate::faults::{Blocker, FaultInjector};

/// A shorter stall ends before the store can answer.
const MIN_STALL: Duration = Duration::from_millis(100);

/// The blocker may change while the stall lasts, so ask again after this time.
const ASK_INTERVAL: Duration = Duration::from_millis(250);

/// How long the store may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// How many blockers to keep.
const MAX_BLOCKERS: usize = 4;

/// The blockers of the reader in the current stall.
pub(super) struct StallCauses<F> {
    faults: Arc<F>,
    stall: Option<StalledReader>,
    blockers: Vec<Blocker>,
    question: Option<JoinHandle<Option<Blocker>>>,
    asked_at: Option<Instant>,
}

impl<F> StallCauses<F> {
    pub(super) fn new(faults: Arc<F>) -> Self {
        Self {
            faults,
            stall: None,
            blockers: Vec::new(),
            question: None,
            asked_at: None,
        }
    }

    /// The blockers of the current stall, in the order in which they were found.
    pub(super) fn descriptions(&self) -> Vec<String> {
        let blockers = self.blockers.iter();
        blockers
            .map(|blocker| blocker.description.clone())
            .collect()
    }

    /// Takes the answer to the last question, and asks the next one if it is time.
    pub(super) async fn update<T: Send + 'static>(&mut self, stall: StalledReader)
    where
        F: FaultInjector<T>,
    {
        if self.stall.is_none_or(|last| last.since != stall.since) {
            self.reset(stall);
        }
        if let Some(blocker) = self.answer().await {
            self.add(blocker);
        }
        let is_time = self
            .asked_at
            .is_none_or(|asked_at| asked_at.elapsed() >= ASK_INTERVAL);
        if self.question.is_none() && is_time && stall.since.elapsed() >= MIN_STALL {
            self.asked_at = Some(Instant::now());
            let faults = Arc::clone(&self.faults);
            self.question = Some(tokio::spawn(ask(faults, stall.position)));
        }
    }

    fn reset(&mut self, stall: StalledReader) {
        self.stall = Some(stall);
        self.blockers.clear();
        if let Some(question) = self.question.take() {
            question.abort();
        }
    }

    /// The answer to the last question, once there is one.
    async fn answer(&mut self) -> Option<Blocker> {
        let question = self.question.take_if(|question| question.is_finished())?;
        question.await.ok().flatten()
    }

    /// Keeps the last description of each blocker.
    fn add(&mut self, blocker: Blocker) {
        let known = self
            .blockers
            .iter_mut()
            .find(|known| known.id == blocker.id);
        if let Some(known) = known {
            *known = blocker;
        } else if self.blockers.len() < MAX_BLOCKERS {
            self.blockers.push(blocker);
        }
    }
}

async fn ask<T: Send, F: FaultInjector<T>>(faults: Arc<F>, position: u64) -> Option<Blocker> {
    let answer = timeout(ANSWER_LIMIT, faults.blocker(position)).await;
    answer.unwrap_or_else(|_| {
        let reason = format!("no answer within {ANSWER_LIMIT:?}");
        Some(Blocker::silent_store(reason))
    })
}
