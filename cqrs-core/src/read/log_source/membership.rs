//! This process as a member of its subscription.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::time::Instant;

use crate::{
    model::{Member, MemberId, PartitionId},
    ports::{Heartbeat, Partitions, StoreError},
    run_loop::{Heartbeats, LoopName, MemberCalls},
};

/// Until when partitions are avoided.
#[derive(Debug, Default, Clone)]
struct Avoided(Arc<Mutex<HashMap<PartitionId, Instant>>>);

impl Avoided {
    fn now(&self) -> Vec<PartitionId> {
        let mut avoided = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        avoided.retain(|_, until| now < *until);
        avoided.keys().cloned().collect()
    }
}

/// The member, and its heartbeats.
#[derive(Debug)]
pub(super) struct Membership {
    pub(super) member: MemberId,
    pub(super) heartbeats: Heartbeats<Heartbeat>,
    avoided: Avoided,
}

impl Membership {
    /// Joins a subscription that the store knows.
    pub(super) fn join<S: Partitions>(store: &S, subscription: &str) -> Self {
        let member = Member::this_process(store.lease_times());
        let avoided = Avoided::default();
        let id = member.id;
        let calls = Calls {
            store: store.clone(),
            subscription: subscription.to_owned(),
            member,
            avoided: avoided.clone(),
        };
        Self {
            member: id,
            heartbeats: Heartbeats::start(calls),
            avoided,
        }
    }

    /// Takes the partition no more until then.
    pub(super) fn avoid(&self, partition: PartitionId, until: Instant) {
        let mut avoided = self.avoided.0.lock();
        let avoided = avoided
            .as_mut()
            .unwrap_or_else(|poisoned| poisoned.get_mut());
        avoided.insert(partition, until);
    }
}

struct Calls<S> {
    store: S,
    subscription: String,
    member: Member,
    avoided: Avoided,
}

impl<S: Partitions> MemberCalls for Calls<S> {
    type Answer = Heartbeat;

    fn name(&self) -> LoopName {
        LoopName::Subscription(self.subscription.clone())
    }

    fn member(&self) -> &Member {
        &self.member
    }

    async fn beat(&mut self) -> Result<Heartbeat, StoreError> {
        let avoided = self.avoided.now();
        let store = &self.store;
        store
            .heartbeat(&self.subscription, &self.member, &avoided)
            .await
    }

    async fn leave(&self) -> Result<(), StoreError> {
        self.store.leave(&self.subscription, self.member.id).await
    }
}
