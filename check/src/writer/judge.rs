//! Whether an answer can be true, given what had been acknowledged before the call.

use cqrs_core::{Appended, Conflict, StoreError, StoreErrorKind, Version, WriteError};

use super::dice::Ask;
use crate::verdict::{Kind, Verdict};

/// An append that is said to have landed.
pub(super) fn landing(asks: &[Ask], landed: &[Appended]) -> Verdict {
    let mut verdict = Verdict::default();
    if asks.len() != landed.len() {
        verdict.add(Kind::Disagrees, || {
            format!(
                "an append to {} streams was answered with {}",
                asks.len(),
                landed.len()
            )
        });
    }
    for (ask, landed) in asks.iter().zip(landed) {
        let before = landed.version.get().checked_sub(u64::from(ask.events));
        if !before.is_some_and(|before| {
            ask.expected.allows(Version::new(before)) && is_possible(ask, before)
        }) {
            verdict.add(Kind::Disagrees, || {
                let Ask { expected, events, floor, .. } = ask;
                let (stream, version) = (ask.stream.id(), landed.version);
                format!(
                    "{events} events were appended to {stream}, of which {expected} was expected and which had reached \
                     version {floor}, and it was said to be at version {version} after that"
                )
            });
        }
    }
    verdict
}

/// An append that was refused.
pub(super) fn refusal(asks: &[Ask], error: &WriteError) -> Verdict {
    let judged = |ask: &Ask, conflict: &Conflict| {
        !ask.expected.allows(conflict.actual) && is_possible(ask, conflict.actual.get())
    };
    of_conflict(asks, error, judged)
}

/// A commit that was refused: the stream may have moved since the append.
pub(super) fn refused_commit(asks: &[Ask], error: &WriteError) -> Verdict {
    of_conflict(asks, error, |ask, conflict| {
        is_possible(ask, conflict.actual.get())
    })
}

fn of_conflict(
    asks: &[Ask],
    error: &WriteError,
    judged: impl Fn(&Ask, &Conflict) -> bool,
) -> Verdict {
    let mut verdict = Verdict::default();
    if let WriteError::Conflict(conflict) = error {
        let ask = asks.iter().find(|ask| ask.stream.id() == conflict.stream);
        if !ask.is_some_and(|ask| judged(ask, conflict)) {
            verdict.add(Kind::Disagrees, || {
                let floor = ask.map_or(0, |ask| ask.floor);
                format!("refused with \"{conflict}\", and the stream had reached version {floor}")
            });
        }
    }
    verdict
}

/// Whether the stream could be at this version.
fn is_possible(ask: &Ask, version: u64) -> bool {
    if ask.own {
        version == ask.floor
    } else {
        version >= ask.floor
    }
}

/// An answer that no append of ours can have.
pub(super) fn unexpected(error: &WriteError) -> StoreError {
    let message = format!("an append was answered with: {error}");
    StoreError::new(StoreErrorKind::Other, message)
}
