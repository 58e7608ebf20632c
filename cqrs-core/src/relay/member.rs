//! This process as a member of its relay: it has the relay for a term, or waits for it.

use std::sync::Arc;

use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use super::error::RelayErrorKind;
use crate::{
    model::Member,
    ports::{Leases, StoreError},
    run_loop::{Beat, Heartbeats, LoopName, MemberCalls},
};

/// Who has the relay.
#[derive(Debug, Clone, Default)]
pub(super) struct Tenure {
    /// The number of the term for which this process has it without a break.
    term: Option<u64>,
    owner: Option<String>,
}

/// The member, and its heartbeats.
#[derive(Debug)]
pub(super) struct RelayMember {
    relay: String,
    heartbeats: Heartbeats<Tenure>,
    /// The owner that the log has named.
    named: Option<String>,
}

impl RelayMember {
    pub(super) fn join<S: Leases>(store: &S, relay: &str) -> Self {
        let calls = Calls {
            store: store.clone(),
            relay: relay.to_owned(),
            member: Member::this_process(store.lease_times()),
            terms: 0,
            held_until: None,
        };
        Self {
            relay: relay.to_owned(),
            heartbeats: Heartbeats::start(calls),
            named: None,
        }
    }

    /// Returns when this process has the relay. Cancel-safe.
    ///
    /// # Errors
    /// When the store has refused a heartbeat for good. Then it is no member any more.
    pub(super) async fn term(&mut self) -> Result<Term, RelayErrorKind> {
        loop {
            let beat = self.heartbeats.beats.borrow_and_update().clone();
            if let Some(number) = beat.answer.term {
                let term = Term {
                    number,
                    beats: self.heartbeats.beats.clone(),
                    soon: self.heartbeats.soon(),
                };
                if term.holds() {
                    self.named = None;
                    return Ok(term);
                }
            }
            self.name_owner(beat.answer);
            tokio::select! {
                biased;
                ended = &mut self.heartbeats.task => return Err(match ended {
                    Ok(Some(error)) => error.into(),
                    Ok(None) => RelayErrorKind::Panicked("its heartbeats have ended".to_owned()),
                    Err(error) => RelayErrorKind::Panicked(error.to_string()),
                }),
                Ok(()) = self.heartbeats.beats.changed() => {}
            }
        }
    }

    fn name_owner(&mut self, tenure: Tenure) {
        if tenure.term.is_none() && tenure.owner.is_some() && tenure.owner != self.named {
            self.named = tenure.owner;
            let owner = self.named.as_deref();
            tracing::info!(
                relay = self.relay,
                owner,
                "waits: another process has the relay"
            );
        }
    }

    /// Leaves: another process can take the relay.
    pub(super) async fn leave(mut self) {
        self.heartbeats.leave();
        let _ = self.heartbeats.task.await;
    }
}

/// The time from when this process takes the relay until it loses it. It ends for good: the relay may have been another's since, so
/// its shards are opened again.
#[derive(Debug, Clone)]
pub(super) struct Term {
    number: u64,
    beats: watch::Receiver<Beat<Tenure>>,
    soon: Arc<Notify>,
}

impl Term {
    /// Whether this process has the relay, as far as it can tell by itself: after a lease without a heartbeat it has not.
    pub(super) fn holds(&self) -> bool {
        let beat = self.beats.borrow();
        beat.answer.term == Some(self.number) && Instant::now() < beat.expires
    }

    /// Ends with the term. Cancel-safe.
    pub(super) async fn ended(&mut self) {
        while self.holds() {
            self.next_beat().await;
        }
    }

    /// Whether this process has the relay by a heartbeat that is sent from now on.
    pub(super) async fn still_holds(&mut self) -> bool {
        let asked = Instant::now();
        self.soon.notify_one();
        while self.holds() && self.beats.borrow().sent <= asked {
            self.next_beat().await;
        }
        self.holds()
    }

    /// Waits for the next heartbeat, or for the end of the lease.
    async fn next_beat(&mut self) {
        let expires = self.beats.borrow().expires;
        tokio::select! {
            Ok(()) = self.beats.changed() => {}
            () = tokio::time::sleep_until(expires) => {}
        }
    }
}

struct Calls<S> {
    store: S,
    relay: String,
    member: Member,
    terms: u64,
    /// Until when this process has the relay, if it has it.
    held_until: Option<Instant>,
}

impl<S: Leases> MemberCalls for Calls<S> {
    type Answer = Tenure;

    fn name(&self) -> LoopName {
        LoopName::Relay(self.relay.clone())
    }

    fn member(&self) -> &Member {
        &self.member
    }

    async fn beat(&mut self) -> Result<Tenure, StoreError> {
        let sent = Instant::now();
        let lease = self.store.hold_relay(&self.relay, &self.member).await?;
        let continues = self.held_until.is_some_and(|until| Instant::now() < until);
        self.held_until = lease.held.then(|| sent + self.member.times.lease);
        if lease.held && !continues {
            self.terms += 1;
        }
        Ok(Tenure {
            term: lease.held.then_some(self.terms),
            owner: lease.owner,
        })
    }

    async fn leave(&self) -> Result<(), StoreError> {
        self.store.leave_relay(&self.relay, self.member.id).await
    }
}
