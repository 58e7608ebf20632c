//! What the poll thread and the readers share: who holds which partition, and what is to be done next.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc as std_mpsc},
    time::{Duration, Instant},
};

use cqrs_core::{Offset, SourceError};
use tokio::sync::{mpsc, oneshot, watch};

use super::{buffer::Slot, reader::KafkaReader};

/// What a reader asks of the poll thread.
#[derive(Debug)]
pub(super) enum Order {
    /// Go to this offset (`None`: the beginning) and let records flow.
    Start {
        slot: Arc<Slot>,
        at: Option<Offset>,
        done: oneshot::Sender<Result<(), SourceError>>,
    },
    /// There is room again.
    Resume(Arc<Slot>),
    /// The reader was dropped.
    Returned(Arc<Slot>),
}

#[derive(Debug)]
pub(super) struct Group {
    orders: std_mpsc::Sender<Order>,
    offers: mpsc::UnboundedSender<Result<KafkaReader, SourceError>>,
    /// Also tells the source when the last reader is gone, since every reader holds the group and so this.
    stopping: watch::Receiver<bool>,
    /// Partitions with a reader. By number first, so that looking one up needs no copy of the topic's name.
    held: Mutex<HashMap<i32, Vec<Arc<Slot>>>>,
    returned: Condvar,
    drain: Duration,
}

impl Group {
    pub(super) fn new(
        offers: mpsc::UnboundedSender<Result<KafkaReader, SourceError>>,
        stopping: watch::Receiver<bool>,
        drain: Duration,
    ) -> (Arc<Self>, std_mpsc::Receiver<Order>) {
        let (orders, ordered) = std_mpsc::channel();
        let group = Self {
            orders,
            offers,
            stopping,
            held: Mutex::default(),
            returned: Condvar::new(),
            drain,
        };
        (Arc::new(group), ordered)
    }

    pub(super) fn order(&self, order: Order) {
        // Without a poll thread there is nothing left to do about it.
        let _ = self.orders.send(order);
    }

    pub(super) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Offers a reader for the partition, unless there is one.
    pub(super) fn hand_out(self: &Arc<Self>, topic: &Arc<str>, partition: i32) {
        if self.is_stopping() || self.slot(topic, partition).is_some() {
            return;
        }
        let slot = Arc::new(Slot::new(Arc::clone(topic), partition));
        let reader = KafkaReader::new(Arc::clone(&slot), Arc::clone(self));
        self.held().entry(partition).or_default().push(slot);
        // A source that was dropped drops the reader, too, which gives the partition back.
        let _ = self.offers.send(Ok(reader));
    }

    /// The source can never go on.
    pub(super) fn fail(&self, error: SourceError) {
        let _ = self.offers.send(Err(error));
    }

    pub(super) fn slot(&self, topic: &str, partition: i32) -> Option<Arc<Slot>> {
        let held = self.held();
        let found = held
            .get(&partition)?
            .iter()
            .find(|slot| &*slot.topic == topic)?;
        Some(Arc::clone(found))
    }

    pub(super) fn slots(&self) -> Vec<Arc<Slot>> {
        self.held().values().flatten().cloned().collect()
    }

    /// The reader of this slot is gone.
    pub(super) fn give_back(&self, slot: &Arc<Slot>) {
        self.forget(std::slice::from_ref(slot));
        self.returned.notify_all();
        self.order(Order::Returned(Arc::clone(slot)));
    }

    /// Asks for the partitions back and waits for their readers, but not for ever. A reader that comes too late is
    /// fenced by the store.
    pub(super) fn take_back(&self, slots: &[Arc<Slot>]) {
        slots.iter().for_each(|slot| slot.revoke());
        let until = Instant::now() + self.drain;
        let mut held = self.held();
        while slots.iter().any(|slot| holds(&held, slot)) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let waited = self.drain;
                tracing::warn!(
                    ?waited,
                    "a batch is still in hand: its partition is given up, the store will refuse it"
                );
                break;
            }
            let waited = self.returned.wait_timeout(held, left);
            held = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(held);
        self.forget(slots);
    }

    /// Tells the readers that their partitions are others' already. Nothing to wait for.
    pub(super) fn lose(&self, slots: &[Arc<Slot>]) {
        slots.iter().for_each(|slot| slot.revoke());
        self.forget(slots);
    }

    fn forget(&self, slots: &[Arc<Slot>]) {
        let mut held = self.held();
        for slot in slots {
            if let Some(same_number) = held.get_mut(&slot.partition) {
                same_number.retain(|other| !Arc::ptr_eq(other, slot));
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<i32, Vec<Arc<Slot>>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn holds(held: &HashMap<i32, Vec<Arc<Slot>>>, slot: &Arc<Slot>) -> bool {
    held.get(&slot.partition)
        .is_some_and(|same_number| same_number.iter().any(|other| Arc::ptr_eq(other, slot)))
}
