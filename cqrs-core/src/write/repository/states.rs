//! The states of recent aggregates, and whose turn it is to decide on one.
//!
//! **Invariant**: what is kept here never decides anything by itself. An append is guarded by the event that the state
//! stands on, and a decision that appends nothing is made again on what was read. So a state that is old, or of a log
//! that was restored since, costs a round trip and never the truth.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use hashlink::LruCache;
use tokio::sync::OwnedMutexGuard;

use super::Loaded;
use crate::model::StreamId;

/// How long a command waits for its turn before it goes ahead without: turns spare conflicts, they do not guard. A caller
/// that holds one and is never polled again must not hold up others for ever.
const PATIENCE: Duration = Duration::from_secs(1);

/// The place of one aggregate: who holds its lock has the turn.
type Place<A> = Arc<tokio::sync::Mutex<Kept<A>>>;

/// What is kept of one aggregate.
struct Kept<A> {
    state: Option<Loaded<A>>,
    /// Others had written to it when it was last caught up with, so that they likely have again.
    shared: bool,
}

/// Nothing is known.
impl<A> Default for Kept<A> {
    fn default() -> Self {
        Self {
            state: None,
            shared: false,
        }
    }
}

/// The most recently used states, so many at most.
pub(super) struct States<A>(Option<Arc<Mutex<LruCache<StreamId, Place<A>>>>>);

// Derives would ask the same of `A`, which needs none of it.
impl<A> Clone for States<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A> fmt::Debug for States<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("States").finish_non_exhaustive()
    }
}

impl<A> States<A> {
    /// So many at most; none at all for 0.
    pub(super) fn new(capacity: usize) -> Self {
        Self((capacity > 0).then(|| Arc::new(Mutex::new(LruCache::new(capacity)))))
    }

    /// Waits until no other command of this process is deciding on the aggregate.
    pub(super) async fn turn(&self, stream: &StreamId) -> Turn<A> {
        let Some(place) = self.place(stream) else {
            return Turn(None);
        };
        let held = match Arc::clone(&place).try_lock_owned() {
            Ok(held) => Some(held),
            Err(_) => tokio::time::timeout(PATIENCE, place.lock_owned())
                .await
                .ok(),
        };
        Turn(held)
    }

    fn place(&self, stream: &StreamId) -> Option<Place<A>> {
        let mut places = self
            .0
            .as_ref()?
            .lock()
            .expect("no call panics while it holds the lock");
        if let Some(place) = places.get(stream) {
            return Some(Arc::clone(place));
        }
        let place = Place::default();
        places.insert(stream.clone(), Arc::clone(&place));
        Some(place)
    }
}

/// The turn of one command. A state is taken out for as long as it is worked on: a call that is cancelled or panics in the
/// middle leaves none behind.
pub(super) struct Turn<A>(Option<OwnedMutexGuard<Kept<A>>>);

impl<A> Turn<A> {
    pub(super) fn take(&mut self) -> Option<Loaded<A>> {
        self.0.as_mut()?.state.take()
    }

    pub(super) fn keep(&mut self, loaded: Loaded<A>) {
        if let Some(place) = &mut self.0 {
            place.state = Some(loaded);
        }
    }

    /// Whether a state that was kept is likely old.
    pub(super) fn is_shared(&self) -> bool {
        self.0.as_ref().is_some_and(|place| place.shared)
    }

    /// Whether others had gone past the state that was kept.
    pub(super) fn note_shared(&mut self, shared: bool) {
        if let Some(place) = &mut self.0 {
            place.shared = shared;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Category, Version};

    fn stream(id: &str) -> StreamId {
        StreamId::new(Category::new("account").expect("valid"), id).expect("valid")
    }

    fn at(version: u64) -> Loaded<()> {
        Loaded {
            version: Version::new(version),
            ..Loaded::default()
        }
    }

    #[tokio::test]
    async fn a_state_is_there_for_the_next_turn_until_others_push_it_out() {
        let states = States::<()>::new(2);
        for (id, version) in [("a", 1), ("b", 2), ("c", 3)] {
            states.turn(&stream(id)).await.keep(at(version));
        }
        assert_eq!(states.turn(&stream("c")).await.take(), Some(at(3)));
        assert_eq!(states.turn(&stream("c")).await.take(), None, "taken out");
        assert_eq!(states.turn(&stream("a")).await.take(), None, "pushed out");
    }

    #[tokio::test]
    async fn without_room_nothing_is_kept_and_nobody_waits() {
        let states = States::<()>::new(0);
        let mut first = states.turn(&stream("a")).await;
        first.keep(at(1));
        assert_eq!(states.turn(&stream("a")).await.take(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_never_ends_does_not_hold_up_others_for_ever() {
        let states = States::<()>::new(2);
        let mut held = states.turn(&stream("a")).await;
        held.keep(at(1));
        let mut without = states.turn(&stream("a")).await;
        assert_eq!(without.take(), None);
        drop(held);
        assert_eq!(states.turn(&stream("a")).await.take(), Some(at(1)));
    }
}
