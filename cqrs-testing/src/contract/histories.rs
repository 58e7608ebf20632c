//! What the calls of several clients at the same time may look like.

use cqrs_core::EventStore;

use crate::linearizability::{self, variable};

/// How many histories are tried, unless `CQRS_HISTORIES` says otherwise.
const HISTORIES: u64 = 1_000;

/// Whatever several clients do at the same time, the answers are those of a store that does one call after the other.
pub async fn every_history_is_linearizable<S: EventStore>(store: S) {
    let histories = variable("CQRS_HISTORIES").unwrap_or(HISTORIES);
    let histories = usize::try_from(histories).expect("CQRS_HISTORIES fits the memory");
    linearizability::every_history_is_linearizable(store, histories).await;
}
