//! Turns: of those who wait for the same guard one at a time asks the server. However many they are, they take one connection.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use cqrs_core::{IdempotencyKey, StreamId};
use tokio::sync::OwnedMutexGuard;

/// What an append can wait for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Guarded {
    Stream(StreamId),
    Key(IdempotencyKey),
}

/// Who waits for which guard.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<Guarded, Queue>>);

/// Those who wait for one guard.
#[derive(Debug, Default)]
struct Queue {
    length: usize,
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Turns {
    /// Lines up; it is one's turn when the others have gone. A turn ends when it is dropped.
    pub(crate) async fn take(&self, guarded: Guarded) -> Turn<'_> {
        let mut turn = self.line_up(guarded);
        turn.held = Some(Arc::clone(&turn.queue).lock_owned().await);
        turn
    }

    fn line_up(&self, guarded: Guarded) -> Turn<'_> {
        let mut queues = self.queues();
        let queue = queues.entry(guarded.clone()).or_default();
        queue.length += 1;
        Turn {
            turns: self,
            queue: Arc::clone(&queue.turn),
            guarded,
            held: None,
        }
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<Guarded, Queue>> {
        self.0
            .lock()
            .expect("no call panics while it holds the lock")
    }
}

/// A place in a queue.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    guarded: Guarded,
    queue: Arc<tokio::sync::Mutex<()>>,
    held: Option<OwnedMutexGuard<()>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.held = None;
        let mut queues = self.turns.queues();
        if let Some(queue) = queues.get_mut(&self.guarded) {
            queue.length -= 1;
            if queue.length == 0 {
                queues.remove(&self.guarded);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::Future, task::Poll};

    use super::*;

    fn key(name: &str) -> Guarded {
        Guarded::Key(IdempotencyKey::new(name).expect("valid"))
    }

    fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
    }

    #[tokio::test]
    async fn turns_go_round_and_leave_nothing_behind() {
        let turns = Turns::default();
        let first = turns.take(key("a")).await;
        let other = turns.take(key("b")).await;
        let mut gone = Box::pin(turns.take(key("a")));
        let mut second = std::pin::pin!(turns.take(key("a")));
        assert!(poll(gone.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
        drop(gone);
        drop((first, other));
        drop(second.await);
        assert!(turns.queues().is_empty());
    }
}
