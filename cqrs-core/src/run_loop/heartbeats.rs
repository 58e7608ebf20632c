//! The task that keeps this process a member of a subscription or a relay.
//!
//! It is a task of its own, so that no batch delays it. It makes one call in a quarter of a lease. When its handle is dropped, it
//! finishes the call in hand and leaves.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, oneshot, watch},
    task::JoinHandle,
    time::Instant,
};

use crate::{
    model::{Member, chain},
    ports::StoreError,
    run_loop::LoopName,
};

/// How soon a heartbeat that failed is repeated, at most.
const RETRY: Duration = Duration::from_secs(1);

/// The calls of a member.
pub(crate) trait MemberCalls: Send + Sync + 'static {
    /// What a heartbeat tells.
    type Answer: Clone + Default + Send + Sync + 'static;

    /// What it is a member of, for the log.
    fn name(&self) -> LoopName;

    /// The member.
    fn member(&self) -> &Member;

    /// Says that it is alive.
    fn beat(&mut self) -> impl Future<Output = Result<Self::Answer, StoreError>> + Send;

    /// Gives back what it has.
    fn leave(&self) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// The last heartbeat.
#[derive(Debug, Clone)]
pub(crate) struct Beat<A> {
    pub(crate) answer: A,
    /// Counts heartbeats; 0: there was none yet.
    pub(crate) number: u64,
    /// When it was sent.
    pub(crate) sent: Instant,
    /// When the lease that it has renewed ends. The server counts from later.
    pub(crate) expires: Instant,
}

/// The handle of the task.
#[derive(Debug)]
pub(crate) struct Heartbeats<A> {
    pub(crate) beats: watch::Receiver<Beat<A>>,
    /// Ends when the store has refused a heartbeat for good, or the member has left.
    pub(crate) task: JoinHandle<Option<StoreError>>,
    soon: Arc<Notify>,
    leave: Option<oneshot::Sender<()>>,
}

impl<A: Clone + Default + Send + Sync + 'static> Heartbeats<A> {
    /// Joins.
    pub(crate) fn start(calls: impl MemberCalls<Answer = A>) -> Self {
        let first = Beat {
            answer: A::default(),
            number: 0,
            sent: Instant::now(),
            expires: Instant::now(),
        };
        let (sender, beats) = watch::channel(first);
        let (leave, left) = oneshot::channel();
        let soon = Arc::new(Notify::new());
        let beating = Beating {
            calls,
            beats: sender,
            soon: Arc::clone(&soon),
        };
        Self {
            beats,
            task: tokio::spawn(beating.run(left)),
            soon,
            leave: Some(leave),
        }
    }

    /// Asks for a heartbeat soon.
    pub(crate) fn beat_soon(&self) {
        self.soon.notify_one();
    }

    /// The same for who has no handle.
    pub(crate) fn soon(&self) -> Arc<Notify> {
        Arc::clone(&self.soon)
    }

    /// Asks the task to leave. It ends then.
    pub(crate) fn leave(&mut self) {
        self.leave.take();
    }
}

struct Beating<C: MemberCalls> {
    calls: C,
    beats: watch::Sender<Beat<C::Answer>>,
    soon: Arc<Notify>,
}

impl<C: MemberCalls> Beating<C> {
    async fn run(mut self, mut leave: oneshot::Receiver<()>) -> Option<StoreError> {
        let every = self.calls.member().times.heartbeat();
        let mut ended = None;
        while ended.is_none() {
            let wait = match self.beat().await {
                Ok(()) => every,
                Err(error) if error.is_retryable() => {
                    self.warn(&error);
                    every.min(RETRY)
                }
                Err(error) => {
                    ended = Some(error);
                    break;
                }
            };
            tokio::select! {
                biased;
                _ = &mut leave => break,
                () = tokio::time::sleep(wait) => {}
                () = self.soon.notified() => {}
            }
        }
        self.leave().await;
        ended
    }

    async fn beat(&mut self) -> Result<(), StoreError> {
        let sent = Instant::now();
        let answer = self.calls.beat().await?;
        let lease = self.calls.member().times.lease;
        self.beats.send_modify(|beat| {
            beat.answer = answer;
            beat.number += 1;
            beat.sent = sent;
            beat.expires = sent + lease;
        });
        Ok(())
    }

    fn warn(&self, error: &StoreError) {
        let name = self.calls.name();
        let (subscription, relay) = name.fields();
        let error = chain(error);
        tracing::warn!(subscription, relay, %error, "a heartbeat failed; it is tried again");
    }

    /// If that fails, the lease ends by itself.
    async fn leave(&self) {
        let limit = self.calls.member().times.heartbeat();
        let left = tokio::time::timeout(limit, self.calls.leave());
        if let Ok(Err(error)) = left.await {
            let name = self.calls.name();
            let (subscription, relay) = name.fields();
            let error = chain(&error);
            tracing::debug!(subscription, relay, %error, "could not leave; the lease ends by itself");
        }
    }
}
