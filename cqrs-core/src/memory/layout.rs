//! The layout of a subscription: which partition has each slice, and how far each was read.

use super::State;
use crate::{
    model::{Ahead, Checkpoint, Claim, PartitionId, Slices},
    ports::SliceProgress,
};

impl State {
    /// The partitions of the log, in the order of their slices.
    pub(super) fn log_partitions(&self, subscription: &str) -> Vec<(Slices, &Claim)> {
        let own = self
            .checkpoints
            .iter()
            .filter(|((of, _), _)| of == subscription);
        let mut partitions =
            Vec::from_iter(own.filter_map(|((_, partition), claim)| match partition {
                PartitionId::Log(slices) => Some((*slices, claim)),
                PartitionId::Topic { .. } => None,
            }));
        partitions.sort_by_key(|(slices, _)| *slices);
        partitions
    }

    pub(super) fn progress_by_slice(&self, subscription: &str) -> Vec<SliceProgress> {
        let partitions = self.log_partitions(subscription);
        let of_each = partitions.into_iter().flat_map(|(slices, claim)| {
            (slices.from()..slices.to())
                .map(|slice| SliceProgress::new(slice, claim.place_of(slice)))
        });
        of_each.collect()
    }

    /// The lowest place of a range of slices.
    pub(super) fn lowest_place(&self, subscription: &str, slices: Slices) -> Option<Checkpoint> {
        let places = self.progress_by_slice(subscription).into_iter();
        let places = places.filter(|place| slices.contains(place.slice));
        places.map(|place| place.at).min_by_key(offset).flatten()
    }
}

/// The claim of a new partition: it begins at the lowest place of its slices, and the others are ahead.
pub(super) fn joined(epoch: u64, slices: Slices, places: &[SliceProgress]) -> Claim {
    let places = places.iter().filter(|place| slices.contains(place.slice));
    let lowest = places.clone().map(|place| place.at).min_by_key(offset);
    let lowest = lowest.flatten();
    let mut ahead: Vec<Ahead> = Vec::new();
    for place in places {
        let Some(at) = place.at.filter(|at| offset(&Some(*at)) > offset(&lowest)) else {
            continue;
        };
        let next = place.slice + 1;
        match ahead.last_mut() {
            Some(run) if run.at == at && run.slices.to() == place.slice => {
                run.slices = Slices::new(run.slices.from(), next).unwrap_or(run.slices);
            }
            _ => ahead.extend(Slices::new(place.slice, next).map(|slice| Ahead::new(slice, at))),
        }
    }
    Claim::new(epoch, lowest).ahead(ahead)
}

/// The beginning is lower than every offset.
fn offset(at: &Option<Checkpoint>) -> Option<u64> {
    at.map(|at| at.offset.get())
}
