//! Guards, and the callers of this process that wait for one. Only the first caller in each queue asks the server, so a queue
//! takes one connection.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use cqrs_core::{IdempotencyKey, StreamId};
use tokio::sync::OwnedMutexGuard;

/// What an append can wait for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum GuardKey {
    Stream(StreamId),
    Idempotency(IdempotencyKey),
}

/// What an append does about guards that are held.
#[derive(Debug, Clone, Copy)]
pub(super) enum GuardWait<'a> {
    /// Waits for none.
    Try,
    /// Waits for this one, then tries the others.
    For(&'a GuardKey),
    /// Waits for all, one after the other, in the common order.
    All,
}

/// The callers that wait, in a queue for each guard.
#[derive(Debug, Default)]
pub(super) struct GuardQueues(Mutex<HashMap<GuardKey, Queue>>);

/// The callers that wait for one guard.
#[derive(Debug, Default)]
struct Queue {
    length: usize,
    first: Arc<tokio::sync::Mutex<()>>,
}

impl GuardQueues {
    /// Waits in the queue for this guard until it is first. Dropping the result leaves the queue.
    pub(super) async fn wait(&self, key: GuardKey) -> InQueue<'_> {
        let mut waiting = self.enter(key);
        waiting.is_first = Some(Arc::clone(&waiting.first).lock_owned().await);
        waiting
    }

    fn enter(&self, key: GuardKey) -> InQueue<'_> {
        let mut queues = self.queues();
        let queue = queues.entry(key.clone()).or_default();
        queue.length += 1;
        InQueue {
            queues: self,
            first: Arc::clone(&queue.first),
            key,
            is_first: None,
        }
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<GuardKey, Queue>> {
        self.0
            .lock()
            .expect("no call panics while it holds the lock")
    }
}

/// A place in a queue.
#[derive(Debug)]
pub(super) struct InQueue<'a> {
    queues: &'a GuardQueues,
    key: GuardKey,
    first: Arc<tokio::sync::Mutex<()>>,
    is_first: Option<OwnedMutexGuard<()>>,
}

impl Drop for InQueue<'_> {
    fn drop(&mut self) {
        self.is_first = None;
        let mut queues = self.queues.queues();
        if let Some(queue) = queues.get_mut(&self.key) {
            queue.length -= 1;
            if queue.length == 0 {
                queues.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::Future, task::Poll};

    use super::*;

    fn key(name: &str) -> GuardKey {
        GuardKey::Idempotency(IdempotencyKey::new(name).expect("valid"))
    }

    fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
    }

    #[tokio::test]
    async fn a_queue_advances_past_dropped_callers_and_ends_empty() {
        let queues = GuardQueues::default();
        let first = queues.wait(key("a")).await;
        let other = queues.wait(key("b")).await;
        let mut gone = Box::pin(queues.wait(key("a")));
        let mut second = std::pin::pin!(queues.wait(key("a")));
        assert!(poll(gone.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
        drop(gone);
        drop((first, other));
        drop(second.await);
        assert!(queues.queues().is_empty());
    }
}
