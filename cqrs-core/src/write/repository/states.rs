//! The cache of states. Only the command that has the aggregate's turn within the process works on its state.
//!
//! **Invariant**: a cached state alone never determines a result. An append expects the state's last event, and a decision
//! without events is made again on a fresh read. So a state that is stale, or from a log that was restored since, may cost
//! a round trip, but never leads to a wrong result.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use hashlink::LruCache;
use tokio::sync::OwnedMutexGuard;

use super::Loaded;
use crate::{
    model::{ExpectedVersion, StreamId},
    ports::{self, Turns, at_most_a_second},
};

/// The entry of one aggregate. The holder of its lock has the state.
type LockedAggregate<A> = Arc<tokio::sync::Mutex<CachedAggregate<A>>>;

/// The cached data of one aggregate.
struct CachedAggregate<A> {
    state: Option<Loaded<A>>,
    /// Whether the last read found events of others: then the state is probably stale again.
    shared: bool,
}

/// An empty entry.
impl<A> Default for CachedAggregate<A> {
    fn default() -> Self {
        Self {
            state: None,
            shared: false,
        }
    }
}

/// The most recently used states, up to a capacity.
pub(super) struct States<A>(Option<Arc<Mutex<LruCache<StreamId, LockedAggregate<A>>>>>);

// A derive would require `A: Clone`.
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
    /// A cache of up to `capacity` states. With 0 nothing is cached, and commands do not take turns.
    pub(super) fn new(capacity: usize) -> Self {
        Self((capacity > 0).then(|| Arc::new(Mutex::new(LruCache::new(capacity)))))
    }

    /// Waits until no other command of this process is deciding on the aggregate. When that takes too long, the command
    /// continues without turn and cached state.
    pub(super) async fn turn(&self, turns: &Turns, stream: &StreamId) -> Turn<A> {
        let Some(entry) = self.entry(stream) else {
            return Turn(None);
        };
        // The store's turn first: it is fair to the commands of others, such as `execute_all`.
        let held = async {
            let turn = turns.turn(stream).await;
            Held {
                entry: entry.lock_owned().await,
                _turn: turn,
            }
        };
        Turn(at_most_a_second(held).await)
    }

    fn entry(&self, stream: &StreamId) -> Option<LockedAggregate<A>> {
        let mut entries = self
            .0
            .as_ref()?
            .lock()
            .expect("no call panics while it holds the lock");
        if let Some(entry) = entries.get(stream) {
            return Some(Arc::clone(entry));
        }
        let entry = LockedAggregate::default();
        entries.insert(stream.clone(), Arc::clone(&entry));
        Some(entry)
    }
}

/// The turn of one command. It takes the state out of the cache while it works on it, so a cancelled or panicking call
/// leaves no half-changed state in the cache.
pub(super) struct Turn<A>(Option<Held<A>>);

struct Held<A> {
    entry: OwnedMutexGuard<CachedAggregate<A>>,
    /// Ends after the entry is free.
    _turn: ports::Turn,
}

impl<A> Turn<A> {
    pub(super) fn take(&mut self) -> Option<Loaded<A>> {
        self.0.as_mut()?.entry.state.take()
    }

    /// Takes the cached state if its last event is the expected one. Otherwise it stays, and the next command reads the
    /// events that it misses first.
    pub(super) fn take_at(&mut self, expected: ExpectedVersion) -> Option<Loaded<A>> {
        let entry = &mut self.0.as_mut()?.entry;
        let current = entry.state.take_if(|state| state.expected() == expected);
        entry.shared |= entry.state.is_some();
        current
    }

    pub(super) fn put(&mut self, loaded: Loaded<A>) {
        if let Some(Held { entry, .. }) = &mut self.0 {
            entry.state = Some(loaded);
        }
    }

    /// Whether others write to the aggregate as well, so that the cached state is probably stale.
    pub(super) fn is_shared(&self) -> bool {
        self.0.as_ref().is_some_and(|held| held.entry.shared)
    }

    /// Records whether others had written to the stream since the state was cached.
    pub(super) fn note_shared(&mut self, shared: bool) {
        if let Some(Held { entry, .. }) = &mut self.0 {
            entry.shared = shared;
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
    async fn a_state_stays_cached_until_others_evict_it() {
        let turns = Turns::default();
        let states = States::<()>::new(2);
        for (id, version) in [("a", 1), ("b", 2), ("c", 3)] {
            states.turn(&turns, &stream(id)).await.put(at(version));
        }
        assert_eq!(states.turn(&turns, &stream("c")).await.take(), Some(at(3)));
        assert_eq!(
            states.turn(&turns, &stream("c")).await.take(),
            None,
            "taken out"
        );
        assert_eq!(
            states.turn(&turns, &stream("a")).await.take(),
            None,
            "evicted"
        );
    }

    #[tokio::test]
    async fn capacity_0_caches_nothing_and_nobody_waits() {
        let turns = Turns::default();
        let states = States::<()>::new(0);
        let mut first = states.turn(&turns, &stream("a")).await;
        first.put(at(1));
        assert_eq!(states.turn(&turns, &stream("a")).await.take(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_never_ends_does_not_block_others() {
        let turns = Turns::default();
        let states = States::<()>::new(2);
        let mut held = states.turn(&turns, &stream("a")).await;
        held.put(at(1));
        let mut without = states.turn(&turns, &stream("a")).await;
        assert_eq!(without.take(), None);
        drop(held);
        assert_eq!(states.turn(&turns, &stream("a")).await.take(), Some(at(1)));
    }
}
