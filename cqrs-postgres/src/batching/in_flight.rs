//! Counts the calls in flight, so that a call knows whether it is alone.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The calls of one kind that are in flight.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    calls: AtomicUsize,
    /// How many calls the last batch held.
    last_batch: AtomicUsize,
}

impl InFlight {
    /// Counts a call until the guard is dropped.
    pub(crate) fn enter(&self) -> Entered<'_> {
        let first = self.calls.fetch_add(1, Ordering::Relaxed) == 0;
        // The callers of a batch come back together: the first of them is not alone for long.
        let alone = first && self.last_batch() <= 1;
        Entered {
            in_flight: self,
            alone,
        }
    }

    /// How many calls the last batch held.
    pub(crate) fn last_batch(&self) -> usize {
        self.last_batch.load(Ordering::Relaxed)
    }

    /// Notes how many calls a batch holds.
    pub(crate) fn note_batch(&self, batch: usize) {
        self.last_batch.store(batch, Ordering::Relaxed);
    }
}

/// A call in flight.
#[derive(Debug)]
pub(crate) struct Entered<'a> {
    in_flight: &'a InFlight,
    /// No other call is in flight, and the last batch held one at most.
    pub(crate) alone: bool,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.in_flight.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_shared_batch_no_call_is_alone_until_a_batch_of_one() {
        let in_flight = InFlight::default();
        let first = in_flight.enter();
        let second = in_flight.enter();
        assert!(first.alone && !second.alone);
        drop((first, second));
        assert!(in_flight.enter().alone, "there was no batch");
        in_flight.note_batch(2);
        assert!(!in_flight.enter().alone, "the other is about to come back");
        in_flight.note_batch(1);
        assert!(in_flight.enter().alone);
    }
}
