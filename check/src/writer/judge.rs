//! Whether an answer can be true, given what had been acknowledged before the call.

use cqrs_core::{Appended, Conflict, WriteError};

use super::ask::Ask;
use crate::verdict::{Kind, Verdict};

/// An append that is said to have landed, now and not before.
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
        let added_up = landed.before.plus(ask.events.into()) == landed.version;
        let expected = ask.expects(landed.before) && ask.can_be_at(landed.before);
        let asked = landed.stream == ask.stream.id() && !landed.repeated;
        let placed = ask.events > 0 || landed.position.is_none();
        if !(added_up && expected && asked && placed) {
            verdict.add(Kind::Disagrees, || said(ask, landed));
        }
    }
    verdict
}

fn said(ask: &Ask, landed: &Appended) -> String {
    let Ask {
        stream,
        expected,
        events,
        floor,
        ..
    } = ask;
    let (stream, repeated) = (
        stream.id(),
        if landed.repeated { ", as a repeat" } else { "" },
    );
    let position = landed
        .position
        .map_or("none".to_owned(), |position| position.to_string());
    format!(
        "{events} events were appended to {stream}, where {expected} was expected and version {floor} had been reached, \
         and they were said to have brought {} from version {} to {}, position {position}{repeated}",
        landed.stream, landed.before, landed.version
    )
}

/// An append that was refused.
pub(super) fn refusal(asks: &[Ask], error: &WriteError) -> Verdict {
    refused(asks, error, |ask, conflict| {
        !ask.expects(conflict.actual) && ask.can_be_at(conflict.actual)
    })
}

/// A commit that was refused: the stream may have moved since the append.
pub(super) fn refused_commit(asks: &[Ask], error: &WriteError) -> Verdict {
    refused(asks, error, |ask, conflict| ask.can_be_at(conflict.actual))
}

fn refused(asks: &[Ask], error: &WriteError, can_be: impl Fn(&Ask, &Conflict) -> bool) -> Verdict {
    let mut verdict = Verdict::default();
    match error {
        WriteError::Store(_) => {}
        WriteError::Conflict(conflict) => {
            let ask = asks.iter().find(|ask| ask.stream.id() == conflict.stream);
            if !ask.is_some_and(|ask| can_be(ask, conflict)) {
                verdict.add(Kind::Disagrees, || {
                    let floor = ask.map_or(0, |ask| ask.floor);
                    format!("refused with \"{conflict}\", and version {floor} had been reached")
                });
            }
        }
        error => verdict.add(Kind::Disagrees, || {
            format!("an append was refused with \"{error}\"")
        }),
    }
    verdict
}

/// Two answers to what was sent under one key.
pub(super) fn alike(first: &[Appended], second: &[Appended]) -> Verdict {
    let mut verdict = Verdict::default();
    let place = |landed: &Appended| {
        (
            landed.stream.clone(),
            landed.before,
            landed.version,
            landed.position,
        )
    };
    if !first.iter().map(place).eq(second.iter().map(place)) {
        verdict.add(Kind::Disagrees, || {
            format!("what was sent under one key was answered with {first:?} and with {second:?}")
        });
    }
    verdict
}
