//! Every history of concurrent calls has an order: each call may have happened at one instant while it was under way.
//!
//! That is what lets a caller think of a store as of one thing that does one call after the other, and it is more than the
//! promises in [`contract`](super::contract) say one by one: an append is seen by every read that begins after it was
//! acknowledged, a conflict names a version that the stream had while the call was under way, an append to several streams
//! is never seen in part.
//!
//! proptest makes up small programs of a few clients, the store runs them with real concurrency on fresh streams, and what
//! was asked and answered, and when, is checked against a model of a store. An answer that was lost
//! ([`OutcomeUnknown`](cqrs_core::StoreErrorKind::OutcomeUnknown)) may have taken effect at any time since, or never; every other
//! error must have left nothing.

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

/// Runs so many programs on the store and checks that each has left a linearizable history. The store may hold other
/// streams, and others may write to them. A runtime with several threads makes the concurrency real.
///
/// `CQRS_SEED` makes up the programs of a run that failed once more; without it each run has other ones.
///
/// # Panics
/// When a history is not linearizable: prints it, from a program that was made as small as possible, and the longest order
/// that still agrees with the model. And when the store answers most calls with errors, so that nothing has been shown.
pub async fn every_history_is_linearizable<S: EventStore>(store: S, histories: usize) {
    every_history_across_is_linearizable(&[store], histories).await;
}

/// The same for several handles of one store, as processes of a service have them: each client uses one of them.
///
/// # Panics
/// As [`every_history_is_linearizable`], and without a handle.
pub async fn every_history_across_is_linearizable<S: EventStore>(stores: &[S], histories: usize) {
    assert!(!stores.is_empty(), "a handle of the store");
    let seed = variable("CQRS_SEED").unwrap_or_else(|| fastrand::u64(..));
    let tally = match search(stores, seed, histories).await {
        Ok(tally) => tally,
        Err(finding) => panic!("{finding}"),
    };
    tracing::debug!(?tally, "every history was linearizable");
    assert!(
        tally.unanswered * 2 <= tally.operations,
        "{} of {} calls ended in an error: that shows nothing about histories",
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
