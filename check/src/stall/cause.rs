//! Asks the store again and again who is in the way, while somebody is.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};

use super::Standing;
use crate::mischief::{Hindrance, Mischief};

/// A stall of this length is asked for its cause; shorter ones pass before the answer comes.
const WORTH_ASKING: Duration = Duration::from_millis(100);

/// Who was in the way at the beginning need not be who is at the end.
const ASK_AGAIN: Duration = Duration::from_millis(250);

/// So long a store may take to say who is in the way.
const PATIENCE: Duration = Duration::from_secs(1);

/// So many of those that were in the way are told.
const TOLD: usize = 4;

/// What the store has said about the stall that lasts.
pub(super) struct Cause<M> {
    mischief: Arc<M>,
    stall: Option<Standing>,
    hindrances: Vec<Hindrance>,
    asking: Option<JoinHandle<Option<Hindrance>>>,
    asked: Option<Instant>,
}

impl<M> Cause<M> {
    pub(super) fn new(mischief: Arc<M>) -> Self {
        Self {
            mischief,
            stall: None,
            hindrances: Vec::new(),
            asking: None,
            asked: None,
        }
    }

    /// Everybody who was in the way, in the order in which they were met.
    pub(super) fn told(&self) -> Vec<String> {
        let told = self
            .hindrances
            .iter()
            .map(|hindrance| hindrance.told.clone());
        told.collect()
    }

    /// Takes the answer to the last question, and asks the next one if it is time.
    pub(super) async fn look<T: Send + 'static>(&mut self, stall: Standing)
    where
        M: Mischief<T>,
    {
        if self.stall.is_none_or(|last| last.since != stall.since) {
            self.forget(stall);
        }
        if self.asking.as_ref().is_some_and(JoinHandle::is_finished) {
            let answer = match self.asking.take() {
                Some(asking) => asking.await.ok().flatten(),
                None => None,
            };
            answer
                .into_iter()
                .for_each(|hindrance| self.note(hindrance));
        }
        let time = self.asked.is_none_or(|asked| asked.elapsed() >= ASK_AGAIN);
        if self.asking.is_none() && time && stall.since.elapsed() >= WORTH_ASKING {
            self.asked = Some(Instant::now());
            self.asking = Some(tokio::spawn(ask(Arc::clone(&self.mischief), stall.place)));
        }
    }

    fn forget(&mut self, stall: Standing) {
        self.stall = Some(stall);
        self.hindrances.clear();
        if let Some(asking) = self.asking.take() {
            asking.abort();
        }
    }

    /// The last word of each.
    fn note(&mut self, hindrance: Hindrance) {
        let same = |known: &Hindrance| known.who == hindrance.who;
        match self.hindrances.iter().position(same) {
            Some(known) => self.hindrances[known] = hindrance,
            None if self.hindrances.len() < TOLD => self.hindrances.push(hindrance),
            None => {}
        }
    }
}

async fn ask<T: Send, M: Mischief<T>>(mischief: Arc<M>, place: u64) -> Option<Hindrance> {
    let asked = timeout(PATIENCE, mischief.who_is_in_the_way(place)).await;
    asked.unwrap_or_else(|_| Some(Hindrance::silence(format!("no answer within {PATIENCE:?}"))))
}
