//! Compares the answers that writers got, the events in the store, and the events that readers saw.

mod readers;
mod store;
#[cfg(test)]
mod tests;

use crate::{
    history::WriterHistory, ids::RunId, observations::Observations, stored::StoredEvents,
    verdict::Verdict,
};

use self::store::StoreAudit;
pub use self::store::UnknownOutcomes;

/// Finds every violation, and how the appends with an unknown outcome ended.
#[must_use]
pub(crate) fn audit(
    run: RunId,
    histories: &[WriterHistory],
    stored: &StoredEvents,
    observations: Vec<Observations>,
) -> (Verdict, UnknownOutcomes) {
    let mut store = StoreAudit::new(run, histories);
    store.audit(stored);
    let mut verdict = store.verdict;
    let slices = stored.slices();
    for observed in observations {
        let reader = readers::ReaderAudit {
            observed: &observed,
            histories,
            stored,
            present: &store.present,
            slices: &slices,
        };
        verdict.absorb(reader.audit());
        verdict.absorb(observed.verdict);
    }
    (verdict, store.unknown)
}
