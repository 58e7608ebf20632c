//! The limit for the next batch of a runner's partition or a relay's shard.
//!
//! **Invariant**: a batch that fails is tried again with half as many events, down to one. So a failure that depends on the
//! size of a batch passes, and one that depends on an event is traced to it after everything before it is committed.

/// Limits for the number of events in a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchSizes {
    /// For the first batch, and at most for the first one after a failure.
    pub(crate) first: usize,
    /// For all batches.
    pub(crate) largest: usize,
}

impl BatchSizes {
    /// At most this many events in every batch.
    pub(crate) const fn up_to(events: usize) -> Self {
        Self {
            first: events,
            largest: events,
        }
    }
}

/// The limit for the next batch. It doubles while batches are full.
#[derive(Debug)]
pub(crate) struct BatchLimit {
    sizes: BatchSizes,
    limit: usize,
}

impl BatchLimit {
    pub(crate) fn new(sizes: BatchSizes) -> Self {
        let limit = sizes.first;
        Self { sizes, limit }
    }

    pub(crate) fn get(&self) -> usize {
        self.limit
    }

    /// After a batch that was full.
    pub(crate) fn double(&mut self) {
        self.limit = (self.limit * 2).min(self.sizes.largest);
    }

    /// Half of a batch of `events` that failed. `false`: there is no smaller batch.
    pub(crate) fn halve(&mut self, events: usize) -> bool {
        self.limit = self.sizes.first.min((events / 2).max(1));
        events > 1
    }

    /// The next batch has only the first `events`.
    pub(crate) fn cut(&mut self, events: usize) {
        self.limit = events.max(1);
    }

    /// For other events.
    pub(crate) fn restart(&mut self) {
        self.limit = self.sizes.first;
    }

    /// After a failure outside of a batch.
    pub(crate) fn start_over(&mut self) {
        self.limit = self.limit.min(self.sizes.first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_doubles_up_to_the_largest_and_halves_down_to_one() {
        let mut limit = BatchLimit::new(BatchSizes {
            first: 100,
            largest: 350,
        });
        limit.double();
        limit.double();
        assert_eq!(limit.get(), 350);
        assert!(limit.halve(350));
        assert_eq!(
            limit.get(),
            100,
            "the first size is the most after a failure"
        );
        let mut halvings = 0;
        while limit.halve(limit.get()) {
            halvings += 1;
        }
        assert_eq!((halvings, limit.get()), (6, 1));
        limit.cut(0);
        assert_eq!(limit.get(), 1, "a batch has at least one event");
    }
}
