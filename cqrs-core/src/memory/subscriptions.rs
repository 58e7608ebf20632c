//! The checkpoints that a transaction has moved or reset, and what it has received.

use std::collections::{BTreeMap, HashSet};

use tokio::time::Instant;

use super::{State, Subscribed};
use crate::{
    model::{Checkpoint, Claim, Lane, PartitionId, Position, Selection},
    ports::Fenced,
};

#[derive(Debug, Default)]
pub(super) struct StagedSubscriptions {
    /// The claim that each partition must still have at commit, and the claim as the transaction left it.
    moved: BTreeMap<Subscribed, (Claim, Claim)>,
    reset: HashSet<String>,
    rewound: HashSet<String>,
    /// What each partition reads from now on, under the epoch of its claim.
    selected: Vec<(Subscribed, u64, Selection)>,
    /// The partitions that read again from the beginning; each is selected, too.
    again: HashSet<Subscribed>,
    /// By subscription and [inbox key](crate::model::PartitionId::inbox_key).
    received: Vec<((String, String), Vec<(Lane, Position)>)>,
}

impl StagedSubscriptions {
    /// Moves a checkpoint, if the claim is `from` after the earlier steps of this transaction.
    pub(super) fn advance(
        &mut self,
        state: &State,
        subscribed: Subscribed,
        epoch: u64,
        from: Option<Checkpoint>,
        to: Checkpoint,
    ) -> Result<(), Fenced> {
        let Some(stored) = state.checkpoints.get(&subscribed) else {
            return Err(fenced(&subscribed));
        };
        let mut found = match self.moved.get(&subscribed) {
            Some((_, now)) => now.clone(),
            None if self.reset.contains(&subscribed.0) => reset(stored),
            None => stored.clone(),
        };
        if (found.epoch, found.at) != (epoch, from) {
            return Err(fenced(&subscribed));
        }
        found.advance(to);
        let first = (stored.clone(), found.clone());
        self.moved.entry(subscribed).or_insert(first).1 = found;
        Ok(())
    }

    /// Records a selection, if the claim has this epoch.
    pub(super) fn select(
        &mut self,
        state: &State,
        subscribed: Subscribed,
        epoch: u64,
        selection: Selection,
    ) -> Result<(), Fenced> {
        if !has_epoch(state, &subscribed, epoch) {
            return Err(fenced(&subscribed));
        }
        self.selected.push((subscribed, epoch, selection));
        Ok(())
    }

    /// Sends a partition back to the beginning, with a selection.
    pub(super) fn read_again(
        &mut self,
        state: &State,
        subscribed: Subscribed,
        epoch: u64,
        selection: Selection,
    ) -> Result<(), Fenced> {
        self.select(state, subscribed.clone(), epoch, selection)?;
        self.again.insert(subscribed);
        Ok(())
    }

    pub(super) fn reset(&mut self, subscription: &str) {
        for (_, (_, now)) in self
            .moved
            .iter_mut()
            .filter(|((of, _), _)| of == subscription)
        {
            *now = reset(now);
        }
        self.received.retain(|((of, _), _)| of != subscription);
        self.reset.insert(subscription.to_owned());
    }

    pub(super) fn rewind(&mut self, subscription: &str) {
        self.rewound.insert(subscription.to_owned());
    }

    pub(super) fn receive(&mut self, inbox: (String, String), received: &[(Lane, Position)]) {
        self.received.push((inbox, received.to_vec()));
    }

    pub(super) fn check_guards(&self, state: &State) -> Result<(), Fenced> {
        let changed = |(subscribed, (seen, _)): &(&Subscribed, &(Claim, Claim))| {
            state.checkpoints.get(*subscribed) != Some(seen)
        };
        let fenced_since = |(subscribed, epoch, _): &&(Subscribed, u64, Selection)| {
            !has_epoch(state, subscribed, *epoch)
        };
        if let Some((subscribed, ..)) = self.selected.iter().find(fenced_since) {
            return Err(fenced(subscribed));
        }
        match self.moved.iter().find(changed) {
            Some((subscribed, _)) => Err(fenced(subscribed)),
            None => Ok(()),
        }
    }

    pub(super) fn apply(self, state: &mut State) {
        for ((subscription, partition), claim) in &mut state.checkpoints {
            let is_rewound = matches!(partition, PartitionId::Topic { .. })
                && self.rewound.contains(subscription);
            let subscribed = (subscription.clone(), partition.clone());
            let is_reset = self.reset.contains(subscription);
            if is_reset && let Some(selection) = state.selections.get_mut(&subscribed) {
                *selection = selection.clone().with_nothing_handled();
            }
            if is_rewound || is_reset || self.again.contains(&subscribed) {
                *claim = reset(claim);
                state.moved.insert(subscribed, Instant::now());
            }
        }
        for (subscribed, _, selection) in self.selected {
            state.selections.insert(subscribed, selection);
        }
        for (subscribed, (_, now)) in self.moved {
            state.moved.insert(subscribed.clone(), Instant::now());
            state.checkpoints.insert(subscribed, now);
        }
        state
            .inbox
            .retain(|(subscription, _), _| !self.reset.contains(subscription));
        for (inbox, received) in self.received {
            state.inbox.entry(inbox).or_default().extend(received);
        }
    }
}

fn has_epoch(state: &State, subscribed: &Subscribed, epoch: u64) -> bool {
    let claim = state.checkpoints.get(subscribed);
    claim.is_some_and(|claim| claim.epoch == epoch)
}

/// Back to the beginning, under the next epoch.
fn reset(claim: &Claim) -> Claim {
    Claim::new(claim.epoch + 1, None).requested(claim.requested)
}

fn fenced((subscription, partition): &Subscribed) -> Fenced {
    Fenced::new(subscription, partition.clone())
}
