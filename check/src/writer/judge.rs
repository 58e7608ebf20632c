//! Whether an answer can be true, given what had been acknowledged before the call.

use cqrs_core::{Appended, WriteError, model::Conflict};

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

#[cfg(test)]
mod tests {
    use cqrs_core::{EventId, ExpectedVersion, Position, Version};

    use super::{super::ask::Own, *};
    use crate::names::StreamNumber;

    const STREAM: StreamNumber = StreamNumber(5);

    fn ask(expected: ExpectedVersion, floor: u64, own: bool) -> Ask {
        let own = own.then_some(Own {
            stream: STREAM,
            version: floor,
            last: Some(EventId::from_uuid(uuid::Uuid::nil())),
        });
        Ask {
            stream: STREAM,
            expected,
            events: 2,
            floor,
            own,
        }
    }

    fn landed(before: u64, version: u64) -> Appended {
        Appended {
            stream: STREAM.id(),
            before: Version::new(before),
            version: Version::new(version),
            position: Some(Position::new(9)),
            repeated: false,
        }
    }

    const fn exactly(version: u64) -> ExpectedVersion {
        ExpectedVersion::Exact(Version::new(version))
    }

    #[test]
    fn an_append_lands_where_it_was_expected_and_not_below_what_was_reached() {
        let any = ask(ExpectedVersion::Any, 3, false);
        let own = ask(ExpectedVersion::Any, 3, true);
        let exact = ask(exactly(3), 3, false);
        let clean = |ask, landed| super::landing(&[ask], &[landed]).is_clean();
        assert!(clean(any, landed(3, 5)) && clean(any, landed(8, 10)));
        assert!(clean(exact, landed(3, 5)) && !clean(exact, landed(4, 6)));
        assert!(!clean(any, landed(2, 4)), "below what was reached");
        assert!(!clean(any, landed(3, 6)), "two events make two versions");
        assert!(!clean(own, landed(4, 6)), "nobody else writes to it");
        let repeated = Appended {
            repeated: true,
            ..landed(3, 5)
        };
        assert!(!clean(any, repeated), "nothing was sent before");
        assert!(!super::landing(&[any], &[]).is_clean());
    }

    #[test]
    fn a_conflict_is_one_only_if_the_stream_can_be_where_it_is_said_to_be() {
        let conflict = |actual| {
            WriteError::from(Conflict {
                stream: STREAM.id(),
                expected: exactly(3),
                actual: Version::new(actual),
            })
        };
        let shared = ask(exactly(3), 3, false);
        let refused = |actual| refusal(&[shared], &conflict(actual)).is_clean();
        assert!(refused(4));
        assert!(!refused(3), "that is what was expected");
        assert!(!refused(2), "below what was reached");
        let own = ask(exactly(3), 3, true);
        assert!(
            !refusal(&[own], &conflict(4)).is_clean(),
            "nobody else writes to it"
        );
        assert!(refused_commit(&[shared], &conflict(3)).is_clean());
    }

    #[test]
    fn what_was_sent_under_one_key_has_one_answer() {
        let repeated = Appended {
            repeated: true,
            ..landed(3, 5)
        };
        assert!(alike(&[landed(3, 5)], std::slice::from_ref(&repeated)).is_clean());
        assert!(!alike(&[landed(3, 5)], &[landed(4, 5)]).is_clean());
        assert!(!alike(&[landed(3, 5)], &[]).is_clean());
    }
}
