//! A claimed partition, and its inbox: which events of a batch were received before.

use std::collections::HashMap;

use crate::{
    model::{Checkpoint, Claim, Lane, Position, RecordedEvent, Selection},
    ports::Batch,
};

/// What the inbox found in a batch.
pub(super) struct Received {
    /// The new highest position of each lane.
    pub(super) highest: Vec<(Lane, Position)>,
    /// How many events of each lane were removed as repeats.
    pub(super) repeats: HashMap<Lane, u64>,
    /// How many of them were before the first event that is left.
    pub(super) repeats_first: usize,
}

/// A claimed partition. It is valid until a transaction fails; then the worker claims again.
pub(super) struct ClaimedPartition {
    pub(super) claim: Claim,
    /// The highest position received from each lane.
    pub(super) received: HashMap<Lane, Position>,
}

impl ClaimedPartition {
    /// How far a slice was read; `None` before its first event. Some slices are ahead of the partition.
    pub(super) fn place_of(&self, slice: u16) -> Option<Checkpoint> {
        self.claim.place_of(slice)
    }

    /// Whether an event of this slice was handled before the number of partitions changed.
    fn was_handled(
        &self,
        event: &RecordedEvent,
        slice_of: &impl Fn(&RecordedEvent) -> u16,
    ) -> bool {
        if self.claim.ahead.is_empty() {
            return false;
        }
        let place = self.place_of(slice_of(event));
        place.is_some_and(|at| event.position.get() <= at.offset.get())
    }

    /// What the inbox does not know yet of events that wait: those of records that could not be decoded when they were read.
    pub(super) fn not_received(&self, events: &[RecordedEvent]) -> Vec<(Lane, Position)> {
        let mut highest: HashMap<Lane, Position> = HashMap::new();
        for event in events {
            let Some(lane) = &event.lane else { continue };
            let known = highest.get(lane).or_else(|| self.received.get(lane));
            if known.is_none_or(|known| event.position > *known) {
                highest.insert(lane.clone(), event.position);
            }
        }
        let mut highest = Vec::from_iter(highest);
        highest.sort();
        highest
    }

    /// Whether an event was handled before the subscription began to read again.
    pub(super) fn was_handled_before(
        event: &RecordedEvent,
        slice_of: &impl Fn(&RecordedEvent) -> u16,
        selection: &Selection,
    ) -> bool {
        let category = event.stream.category().as_str();
        selection.reads_again()
            && selection.was_handled(slice_of(event), event.position, category, &event.event_type)
    }

    /// Removes repeats from the batch, and what was handled before.
    pub(super) fn receive(
        &self,
        batch: &mut Batch,
        slice_of: impl Fn(&RecordedEvent) -> u16,
        selection: &Selection,
    ) -> Received {
        let mut highest: HashMap<Lane, Position> = HashMap::new();
        let mut repeats: HashMap<Lane, u64> = HashMap::new();
        let mut repeats_first = None;
        let mut index = 0;
        batch.events.retain(|event| {
            index += 1;
            if self.was_handled(event, &slice_of)
                || Self::was_handled_before(event, &slice_of, selection)
            {
                return false;
            }
            let Some(lane) = &event.lane else {
                repeats_first.get_or_insert(index - 1);
                return true;
            };
            let known = highest.get(lane).or_else(|| self.received.get(lane));
            let new = known.is_none_or(|known| event.position > *known);
            if new {
                repeats_first.get_or_insert(index - 1);
                highest.insert(lane.clone(), event.position);
            } else {
                *repeats.entry(lane.clone()).or_default() += 1;
            }
            new
        });
        let mut highest = Vec::from_iter(highest);
        highest.sort();
        Received {
            highest,
            repeats,
            repeats_first: repeats_first.unwrap_or(index),
        }
    }
}
