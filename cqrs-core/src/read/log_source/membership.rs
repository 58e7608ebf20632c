//! The task that keeps this process a member of its subscription.
//!
//! It is a task of its own, so that no batch delays it. It makes one call in a quarter of a lease. When its handle is dropped, it
//! finishes the call in hand and leaves.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, oneshot, watch},
    task::JoinHandle,
    time::Instant,
};

use crate::{
    model::{Member, MemberId, PartitionId, chain},
    ports::{Heartbeat, Partitions, StoreError},
};

/// How soon a heartbeat that failed is repeated, at most.
const RETRY: Duration = Duration::from_secs(1);

/// The last heartbeat.
#[derive(Debug, Clone)]
pub(super) struct Beat {
    pub(super) heartbeat: Heartbeat,
    /// Counts heartbeats; 0: there was none yet.
    pub(super) number: u64,
    /// When the lease that it has renewed ends.
    pub(super) expires: Instant,
}

/// What the task shares with its handle.
#[derive(Debug, Default)]
struct Shared {
    /// Until when partitions are avoided.
    avoided: Mutex<HashMap<PartitionId, Instant>>,
    /// The next heartbeat is wanted at once.
    soon: Notify,
}

impl Shared {
    fn avoided(&self) -> Vec<PartitionId> {
        let mut avoided = self.avoided.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        avoided.retain(|_, until| now < *until);
        avoided.keys().cloned().collect()
    }
}

/// The handle of the task.
#[derive(Debug)]
pub(super) struct Membership {
    pub(super) member: MemberId,
    pub(super) beats: watch::Receiver<Beat>,
    /// Ends when the store has refused a heartbeat for good, or the member has left.
    pub(super) task: JoinHandle<Option<StoreError>>,
    shared: Arc<Shared>,
    leave: Option<oneshot::Sender<()>>,
}

impl Membership {
    /// Joins a subscription that the store knows.
    pub(super) fn join<S: Partitions>(store: &S, subscription: &str) -> Self {
        let member = Member::this_process(store.lease_times());
        let first = Beat {
            heartbeat: Heartbeat::default(),
            number: 0,
            expires: Instant::now(),
        };
        let (sender, beats) = watch::channel(first);
        let (leave, left) = oneshot::channel();
        let shared = Arc::new(Shared::default());
        let id = member.id;
        let beating = Beating {
            store: store.clone(),
            subscription: subscription.to_owned(),
            member,
            beats: sender,
            shared: Arc::clone(&shared),
        };
        Self {
            member: id,
            beats,
            task: tokio::spawn(beating.run(left)),
            shared,
            leave: Some(leave),
        }
    }

    /// Asks for a heartbeat soon.
    pub(super) fn beat_soon(&self) {
        self.shared.soon.notify_one();
    }

    /// Takes the partition no more until then.
    pub(super) fn avoid(&self, partition: PartitionId, until: Instant) {
        let avoided = &self.shared.avoided;
        let mut avoided = avoided.lock().unwrap_or_else(PoisonError::into_inner);
        avoided.insert(partition, until);
    }

    /// Asks the task to leave. It ends then.
    pub(super) fn leave(&mut self) {
        self.leave.take();
    }
}

struct Beating<S> {
    store: S,
    subscription: String,
    member: Member,
    beats: watch::Sender<Beat>,
    shared: Arc<Shared>,
}

impl<S: Partitions> Beating<S> {
    async fn run(self, mut leave: oneshot::Receiver<()>) -> Option<StoreError> {
        let every = self.member.times.heartbeat();
        let mut ended = None;
        while ended.is_none() {
            let wait = match self.beat().await {
                Ok(()) => every,
                Err(error) if error.is_retryable() => {
                    let subscription = self.subscription.as_str();
                    let error = chain(&error);
                    tracing::warn!(subscription, %error, "a heartbeat failed; it is tried again");
                    every.min(RETRY)
                }
                Err(error) => {
                    ended = Some(error);
                    break;
                }
            };
            tokio::select! {
                _ = &mut leave => break,
                () = tokio::time::sleep(wait) => {}
                () = self.shared.soon.notified() => {}
            }
        }
        self.leave().await;
        ended
    }

    async fn beat(&self) -> Result<(), StoreError> {
        let avoided = self.shared.avoided();
        // By the time that it was sent: the server has counted from later.
        let expires = Instant::now() + self.member.times.lease;
        let heartbeat = self
            .store
            .heartbeat(&self.subscription, &self.member, &avoided);
        let heartbeat = heartbeat.await?;
        self.beats.send_modify(|beat| {
            beat.heartbeat = heartbeat;
            beat.number += 1;
            beat.expires = expires;
        });
        Ok(())
    }

    /// If that fails, the lease ends by itself.
    async fn leave(&self) {
        let left = self.store.leave(&self.subscription, self.member.id);
        let limit = self.member.times.heartbeat();
        if let Ok(Err(error)) = tokio::time::timeout(limit, left).await {
            let subscription = self.subscription.as_str();
            let error = chain(&error);
            tracing::debug!(subscription, %error, "could not leave; the lease ends by itself");
        }
    }
}
