//! Tests that a store is linearizable: each call appears to take effect at one instant between its start and its end.
//!
//! A caller can then think of the store as executing one call after the other. This covers more than the single tests in
//! [`contract`](super::contract): a read that starts after an append was acknowledged sees it, a conflict names a version
//! that the stream had during the call, and no read sees only a part of an append to several streams.
//!
//! proptest generates small programs for a few clients. The store runs them with real concurrency on new streams. The
//! recorded calls, results and times are checked against a model of a store. A call with an unknown outcome
//! ([`OutcomeUnknown`](cqrs_core::StoreErrorKind::OutcomeUnknown)) may take effect at any time after its start, or never. A
//! call with any other error must have no effect.

mod checker;
mod finding;
#[cfg(test)]
mod fixture;
mod history;
mod model;
mod program;
mod run;
mod search;
mod table;

use cqrs_core::EventStore;

use self::search::search;

/// Runs `histories` random programs on the store and checks that each history is linearizable. The store may contain other
/// streams, and others may write to those. Use a runtime with several threads for real concurrency.
///
/// Set `CQRS_SEED` to repeat the programs of a failed run; without it each run has new programs.
///
/// # Panics
/// When a history is not linearizable: prints the history of a program that was shrunk as far as possible, and the longest
/// order that agrees with the model. Also when most calls fail, because then the test proves nothing.
pub async fn every_history_is_linearizable<S: EventStore>(store: S, histories: usize) {
    every_history_across_is_linearizable(&[store], histories).await;
}

/// The same for several handles of one store, like the processes of a service: each client uses one handle.
///
/// # Panics
/// As [`every_history_is_linearizable`]. Also if `stores` is empty.
pub async fn every_history_across_is_linearizable<S: EventStore>(stores: &[S], histories: usize) {
    assert!(!stores.is_empty(), "at least one handle of the store");
    let seed = variable("CQRS_SEED").unwrap_or_else(|| fastrand::u64(..));
    let tally = match search(stores, seed, histories).await {
        Ok(tally) => tally,
        Err(finding) => panic!("{finding}"),
    };
    tracing::debug!(?tally, "every history was linearizable");
    assert!(
        tally.unanswered * 2 <= tally.operations,
        "{} of {} calls failed, so this proves nothing about histories",
        tally.unanswered,
        tally.operations
    );
}

/// The number in an environment variable, if it is set.
#[track_caller]
pub(super) fn variable(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    let number = value.parse();
    Some(
        number.unwrap_or_else(|error| {
            panic!("{name} must be a whole number, not {value:?}: {error}")
        }),
    )
}

#[cfg(test)]
mod tests;
