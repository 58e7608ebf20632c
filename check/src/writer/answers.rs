//! Checks whether an answer can be true, given what was acknowledged before the call.

use cqrs_core::{
    chain,
    model::Conflict,
    ports::{Appended, CommitError},
};

use super::operation::StreamRequest;
use crate::verdict::{Verdict, Violation};

/// Checks the answer to an append that is not a repeat.
pub(super) fn check_append(requests: &[StreamRequest], answer: &[Appended]) -> Verdict {
    let mut verdict = Verdict::default();
    if requests.len() != answer.len() {
        verdict.add(Violation::Mismatch, || {
            format!(
                "the answer to an append to {} streams has {}",
                requests.len(),
                answer.len()
            )
        });
    }
    for (request, appended) in requests.iter().zip(answer) {
        if !is_possible(request, appended) {
            verdict.add(Violation::Mismatch, || describe(request, appended));
        }
    }
    verdict
}

fn is_possible(request: &StreamRequest, appended: &Appended) -> bool {
    let is_requested = appended.stream == request.stream.id() && !appended.repeated;
    let adds_up = appended.before.plus(request.events.into()) == appended.version;
    let was_allowed = request.allows(appended.before) && request.can_be_at(appended.before);
    let has_right_position = request.events > 0 || appended.position.is_none();
    is_requested && adds_up && was_allowed && has_right_position
}

fn describe(request: &StreamRequest, appended: &Appended) -> String {
    let StreamRequest {
        stream,
        expected,
        events,
        min_version,
        ..
    } = request;
    let stream = stream.id();
    let repeated = if appended.repeated {
        ", as a repeat"
    } else {
        ""
    };
    let position = appended
        .position
        .map_or("none".to_owned(), |position| position.to_string());
    format!(
        "{events} events were appended to {stream}, which was expected to be {expected} and had reached version \
         {min_version}; the answer says {} from version {} to {}, position {position}{repeated}",
        appended.stream, appended.before, appended.version
    )
}

/// Checks the rejection of an append.
pub(super) fn check_rejection(requests: &[StreamRequest], error: &CommitError) -> Verdict {
    check_conflict(requests, error, |request, conflict| {
        !request.allows(conflict.actual) && request.can_be_at(conflict.actual)
    })
}

/// Checks the rejection of a commit. The stream may have changed since the append.
pub(super) fn check_rejected_commit(requests: &[StreamRequest], error: &CommitError) -> Verdict {
    check_conflict(requests, error, |request, conflict| {
        request.can_be_at(conflict.actual)
    })
}

fn check_conflict(
    requests: &[StreamRequest],
    error: &CommitError,
    is_possible: impl Fn(&StreamRequest, &Conflict) -> bool,
) -> Verdict {
    let mut verdict = Verdict::default();
    match error {
        CommitError::Store(_) => {}
        CommitError::Conflict(conflict) => {
            let request = requests
                .iter()
                .find(|request| request.stream.id() == conflict.stream);
            if !request.is_some_and(|request| is_possible(request, conflict)) {
                verdict.add(Violation::Mismatch, || {
                    let min_version = request.map_or(0, |request| request.min_version);
                    format!(
                        "an append was rejected with \"{conflict}\", after the stream had reached version {min_version}"
                    )
                });
            }
        }
        error => verdict.add(Violation::Mismatch, || {
            format!("an append was rejected with \"{}\"", chain(error))
        }),
    }
    verdict
}

/// Checks that two answers to appends under one key are the same.
pub(super) fn check_same(first: &[Appended], second: &[Appended]) -> Verdict {
    let mut verdict = Verdict::default();
    let place = |appended: &Appended| {
        (
            appended.stream.clone(),
            appended.before,
            appended.version,
            appended.position,
        )
    };
    if !first.iter().map(place).eq(second.iter().map(place)) {
        verdict.add(Violation::Mismatch, || {
            format!("the appends under one key have the answers {first:?} and {second:?}")
        });
    }
    verdict
}

#[cfg(test)]
mod tests {
    use cqrs_core::{
        EventId, ExpectedVersion, IdempotencyKey, Position, StoreError, StoreErrorKind, Version,
        model::KeyReused,
    };

    use super::{super::operation::OwnStream, *};
    use crate::ids::StreamNumber;

    const STREAM: StreamNumber = StreamNumber(5);

    fn shared(expected: ExpectedVersion, min_version: u64) -> StreamRequest {
        StreamRequest {
            stream: STREAM,
            expected,
            events: 2,
            min_version,
            own: None,
        }
    }

    fn own(expected: ExpectedVersion, version: u64) -> StreamRequest {
        let own = OwnStream {
            stream: STREAM,
            version,
            last_event: Some(EventId::from_uuid(uuid::Uuid::nil())),
        };
        StreamRequest {
            own: Some(own),
            ..shared(expected, version)
        }
    }

    fn appended(before: u64, version: u64) -> Appended {
        Appended::new(
            STREAM.id(),
            Version::new(before),
            Version::new(version),
            Some(Position::new(9)),
        )
    }

    fn repeated(before: u64, version: u64) -> Appended {
        appended(before, version).repeated()
    }

    const fn exactly(version: u64) -> ExpectedVersion {
        ExpectedVersion::Exact(Version::new(version))
    }

    #[test]
    fn an_append_must_be_at_an_expected_and_possible_version() {
        let any = shared(ExpectedVersion::Any, 3);
        let own = own(ExpectedVersion::Any, 3);
        let exact = shared(exactly(3), 3);
        let is_clean = |request, answer| check_append(&[request], &[answer]).is_clean();
        assert!(is_clean(any, appended(3, 5)) && is_clean(any, appended(8, 10)));
        assert!(is_clean(exact, appended(3, 5)) && !is_clean(exact, appended(4, 6)));
        assert!(!is_clean(any, appended(2, 4)), "version 3 was reached");
        assert!(
            !is_clean(any, appended(3, 6)),
            "two events add two versions"
        );
        assert!(!is_clean(own, appended(4, 6)), "nobody else writes to it");
        assert!(!is_clean(any, repeated(3, 5)), "nothing was sent before");
        assert!(!check_append(&[any], &[]).is_clean());
    }

    #[test]
    fn a_conflict_must_name_a_possible_version() {
        let conflict = |actual| {
            CommitError::from(Conflict::new(STREAM.id(), exactly(3), Version::new(actual)))
        };
        let shared = shared(exactly(3), 3);
        let is_clean = |actual| check_rejection(&[shared], &conflict(actual)).is_clean();
        assert!(is_clean(4));
        assert!(!is_clean(3), "it was expected");
        assert!(!is_clean(2), "version 3 was reached");
        let own = own(exactly(3), 3);
        assert!(
            !check_rejection(&[own], &conflict(4)).is_clean(),
            "nobody else writes to it"
        );
    }

    #[test]
    fn a_rejected_commit_must_name_a_possible_version_too() {
        let rejected =
            |error: CommitError| check_rejected_commit(&[shared(exactly(3), 3)], &error).is_clean();
        let conflict = |stream: StreamNumber, actual| {
            CommitError::from(Conflict::new(stream.id(), exactly(3), Version::new(actual)))
        };
        assert!(rejected(conflict(STREAM, 4)));
        assert!(
            rejected(conflict(STREAM, 3)),
            "the append may have seen another version than the commit"
        );
        assert!(!rejected(conflict(STREAM, 2)), "version 3 was reached");
        assert!(!rejected(conflict(StreamNumber(6), 4)), "it took no part");
        let key = IdempotencyKey::new("key").expect("a valid key");
        assert!(!rejected(KeyReused::new(key).into()), "it had no key");
        let store = StoreError::new(StoreErrorKind::Unavailable, "planted");
        assert!(rejected(store.into()), "a failure says nothing of versions");
    }

    #[test]
    fn all_appends_under_one_key_have_the_same_answer() {
        assert!(check_same(&[appended(3, 5)], &[repeated(3, 5)]).is_clean());
        assert!(!check_same(&[appended(3, 5)], &[appended(4, 5)]).is_clean());
        assert!(!check_same(&[appended(3, 5)], &[]).is_clean());
    }
}
