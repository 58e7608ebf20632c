//! The turns of the commands of a process.

use std::{
    collections::HashMap,
    fmt,
    future::poll_fn,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard},
    task::Poll,
    time::Duration,
};

use tokio::sync::OwnedMutexGuard;

use crate::model::StreamId;

/// The longest wait for a turn; then the command continues without it. Turns only avoid conflicts, so this is safe. A command
/// that is never polled again therefore cannot block others.
const MAX_WAIT: Duration = Duration::from_secs(1);

type Locks = HashMap<StreamId, Arc<tokio::sync::Mutex<()>>>;

/// Lets the commands of a process to one aggregate take turns, so that they do not run into conflicts with each other.
///
/// A store keeps one and returns a clone: [`EventStore::turns`](crate::ports::EventStore::turns). Clones share the turns. They
/// protect nothing: whoever waits a second continues without a turn.
#[derive(Clone, Default)]
pub struct Turns(Arc<Mutex<Locks>>);

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turns").finish_non_exhaustive()
    }
}

/// The turn of one command on one aggregate, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Turns,
    stream: StreamId,
    held: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits until no other command has the turn.
    pub(crate) async fn turn(&self, stream: &StreamId) -> Turn {
        let lock = Arc::clone(self.locks().entry(stream.clone()).or_default());
        // It exists before the wait, so that a wait that is dropped leaves no entry behind.
        let mut turn = Turn {
            turns: self.clone(),
            stream: stream.clone(),
            held: None,
        };
        turn.held = Some(lock.lock_owned().await);
        turn
    }

    /// Waits for the turn on each of `streams`. All callers name them in the same order, so they never wait for each other in
    /// a circle.
    pub(crate) async fn all(&self, streams: impl IntoIterator<Item = &StreamId>) -> Vec<Turn> {
        let mut turns = Vec::new();
        for stream in streams {
            turns.push(self.turn(stream).await);
        }
        turns
    }

    fn locks(&self) -> MutexGuard<'_, Locks> {
        self.0
            .lock()
            .expect("no call panics while it holds the lock")
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.held = None;
        let mut locks = self.turns.locks();
        // Others clone the lock only while they hold `locks`: so nobody waits for it if there is no other clone.
        let unused = |lock: &Arc<_>| Arc::strong_count(lock) == 1;
        if locks.get(&self.stream).is_some_and(unused) {
            locks.remove(&self.stream);
        }
    }
}

/// The outcome of `waiting`, if it takes a second at most. A wait that is over at once needs no timer.
pub(crate) async fn at_most_a_second<T>(waiting: impl Future<Output = T>) -> Option<T> {
    let mut waiting = pin!(waiting);
    match poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context))).await {
        Poll::Ready(outcome) => Some(outcome),
        Poll::Pending => tokio::time::timeout(MAX_WAIT, waiting).await.ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Category;

    fn stream(id: &str) -> StreamId {
        StreamId::new(Category::new("account").expect("valid"), id).expect("valid")
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_ends_when_it_is_dropped_and_leaves_nothing_behind() {
        let turns = Turns::default();
        let first = turns.turn(&stream("a")).await;
        assert!(at_most_a_second(turns.turn(&stream("a"))).await.is_none());
        assert_eq!(turns.locks().len(), 1, "only the first one's");
        let a = stream("a");
        let mut second = pin!(turns.turn(&a));
        poll_fn(|context| Poll::Ready(second.as_mut().poll(context).is_pending())).await;
        drop(first);
        let third = turns.clone();
        assert!(at_most_a_second(third.turn(&stream("a"))).await.is_none());
        drop(second.await);
        assert!(turns.locks().is_empty());
    }

    #[tokio::test]
    async fn the_turns_of_a_set_are_taken_and_ended_together() {
        let turns = Turns::default();
        let streams = std::collections::BTreeSet::from([stream("b"), stream("a")]);
        let first = turns.all(&streams).await;
        let mut second = pin!(turns.all(&streams));
        let waits = poll_fn(|context| Poll::Ready(second.as_mut().poll(context).is_pending()));
        assert!(waits.await);
        drop(first);
        assert_eq!(second.await.len(), 2);
        assert!(turns.locks().is_empty());
    }
}
