//! The results of the model.

use cqrs_core::ExpectedVersion;

use super::*;

const A: Stream = Stream(0);
const B: Stream = Stream(1);

fn participant(stream: Stream, expected: ExpectedVersion, events: &[u32]) -> Participant {
    let events = events.iter().copied().map(EventNumber).collect();
    Participant {
        stream,
        expected,
        events,
    }
}

fn at(version: u64) -> ExpectedVersion {
    ExpectedVersion::Exact(Version::new(version))
}

fn result(stream: Stream, before: u64, version: u64) -> StreamResult {
    StreamResult {
        stream,
        before: Version::new(before),
        version: Version::new(version),
        repeated: false,
    }
}

fn conflict(stream: Stream, actual: u64) -> Rejection {
    let actual = Version::new(actual);
    Rejection::Conflict { stream, actual }
}

#[test]
fn streams_are_appended_to_all_or_none() {
    let both = [
        participant(A, ExpectedVersion::Any, &[1]),
        participant(B, at(0), &[2, 3]),
    ];
    let (next, outcome) = Model::new(2).append(&both, None).expect("fits");
    assert_eq!(outcome, [result(A, 0, 1), result(B, 0, 2)]);
    let events: Vec<_> = next.streams().map(|(_, events)| events.to_vec()).collect();
    assert_eq!(
        events,
        [vec![EventNumber(1)], vec![EventNumber(2), EventNumber(3)]]
    );
    assert_eq!(next.append(&both, None), Err(vec![conflict(B, 2)]));
}

#[test]
fn any_of_several_conflicts_may_be_reported() {
    let empty = Model::new(2);
    let to = vec![
        participant(A, at(1), &[]),
        participant(B, ExpectedVersion::StreamExists, &[1]),
    ];
    let rejected = |rejection| {
        empty.step(&Call::Append {
            to: to.clone(),
            key: None,
            outcome: Outcome::Given(Err(rejection)),
        })
    };
    assert_eq!(rejected(conflict(A, 0)), Ok(empty.clone()));
    assert_eq!(rejected(conflict(B, 0)), Ok(empty.clone()));
    let right = RightResult::Reject(vec![conflict(A, 0), conflict(B, 0)]);
    for wrong in [
        conflict(A, 1),
        conflict(Stream::FOREIGN, 0),
        Rejection::KeyReused,
    ] {
        assert_eq!(rejected(wrong), Err(right.clone()));
    }
}

#[test]
fn the_last_event_is_expected_with_its_version() {
    let to = [participant(A, ExpectedVersion::Any, &[1, 2])];
    let (model, _) = Model::new(1).append(&to, None).expect("fits");
    let expecting = |version, event: u32| {
        let last = ExpectedVersion::LastEvent(Version::new(version), EventNumber(event).as_id());
        model
            .append(&[participant(A, last, &[])], None)
            .map(|(_, results)| results)
    };
    assert_eq!(expecting(2, 2), Ok(vec![result(A, 2, 2)]));
    assert_eq!(expecting(2, 1), Err(vec![conflict(A, 2)]));
    assert_eq!(expecting(1, 1), Err(vec![conflict(A, 2)]));
}

#[test]
fn a_read_returns_the_events_after_a_version() {
    let to = [participant(A, ExpectedVersion::Any, &[1, 2])];
    let (model, _) = Model::new(1).append(&to, None).expect("fits");
    let read = |after, events: &[(u64, u32)]| {
        let events = events
            .iter()
            .map(|&(v, e)| (Version::new(v), EventNumber(e)));
        model.step(&Call::Read {
            of: A,
            after: Version::new(after),
            outcome: Outcome::Given(events.collect()),
        })
    };
    assert!(read(0, &[(1, 1), (2, 2)]).is_ok());
    assert!(read(1, &[(2, 2)]).is_ok());
    assert!(read(3, &[]).is_ok());
    for wrong in [&[(1, 1)][..], &[(2, 1), (1, 2)], &[(1, 2), (2, 1)], &[]] {
        assert!(read(0, wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_key_is_used_once_and_returns_its_first_result() {
    let key = |command| Key { number: 7, command };
    let once = [participant(A, at(0), &[1])];
    let (model, first) = Model::new(2).append(&once, Some(key(0))).expect("fits");
    let again: Vec<_> = first
        .iter()
        .map(|one| StreamResult {
            repeated: true,
            ..*one
        })
        .collect();
    let elsewhere = [participant(B, at(5), &[2])];
    let repeated = model.append(&elsewhere, Some(key(0)));
    assert_eq!(repeated, Ok((model.clone(), again.clone())));
    assert_eq!(
        model.append(&once, Some(key(1))),
        Err(vec![Rejection::KeyReused])
    );
    assert_eq!(model.lookup(key(0)), Ok(Some(again)));
    assert_eq!(model.lookup(key(1)), Err(Rejection::KeyReused));
    let other = Key {
        number: 8,
        command: 0,
    };
    assert_eq!(model.lookup(other), Ok(None));
}

#[test]
fn a_rejected_append_does_not_use_its_key() {
    let key = Some(Key {
        number: 7,
        command: 0,
    });
    let model = Model::new(1);
    assert!(model.append(&[participant(A, at(1), &[1])], key).is_err());
    let outcome = model
        .append(&[participant(A, at(0), &[1])], key)
        .map(|(_, results)| results);
    assert_eq!(outcome, Ok(vec![result(A, 0, 1)]));
}
