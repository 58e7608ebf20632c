//! The guarantee for concurrent calls: they are linearizable.

use cqrs_core::EventStore;

use crate::linearizability::{self, variable};

/// The number of histories, unless `CQRS_HISTORIES` sets it.
const HISTORIES: u64 = 1_000;

/// The results of concurrent calls are those of a store that executes one call after the other.
pub async fn every_history_is_linearizable<S: EventStore>(store: S) {
    let histories = variable("CQRS_HISTORIES").unwrap_or(HISTORIES);
    let histories = usize::try_from(histories).expect("CQRS_HISTORIES fits a usize");
    linearizability::every_history_is_linearizable(store, histories).await;
}
