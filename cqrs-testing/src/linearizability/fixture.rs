//! Helpers to write histories by hand.

use cqrs_core::{ExpectedVersion, Version};

use super::history::{
    AppendOutcome, Call, EventNumber, History, Key, Operation, Outcome, Participant, Rejection,
    Stream, StreamResult,
};

pub(super) const A: Stream = Stream(0);
pub(super) const B: Stream = Stream(1);

pub(super) fn at(version: u64) -> ExpectedVersion {
    ExpectedVersion::Exact(Version::new(version))
}

pub(super) fn to<const N: usize>(to: [(Stream, ExpectedVersion, &[u32]); N]) -> Vec<Participant> {
    let participant = |(stream, expected, events): (_, _, &[u32])| Participant {
        stream,
        expected,
        events: events.iter().copied().map(EventNumber).collect(),
    };
    to.map(participant).into()
}

/// An append that returned these versions.
pub(super) fn appended(to: Vec<Participant>, versions: &[u64]) -> Call {
    let results = |(participant, version): (&Participant, &u64)| StreamResult {
        stream: participant.stream,
        before: Version::new(version.saturating_sub(participant.events.len() as u64)),
        version: Version::new(*version),
        repeated: false,
    };
    let results = to.iter().zip(versions).map(results).collect();
    append(to, Outcome::Given(Ok(results)))
}

pub(super) fn rejected(to: Vec<Participant>, stream: Stream, actual: u64) -> Call {
    let actual = Version::new(actual);
    append(
        to,
        Outcome::Given(Err(Rejection::Conflict { stream, actual })),
    )
}

pub(super) fn failed(to: Vec<Participant>) -> Call {
    append(to, Outcome::Failed("unavailable".to_owned()))
}

pub(super) fn unknown(to: Vec<Participant>) -> Call {
    append(to, Outcome::Unknown)
}

pub(super) fn append(to: Vec<Participant>, outcome: AppendOutcome) -> Call {
    let key = None;
    Call::Append { to, key, outcome }
}

pub(super) fn under(number: usize, mut call: Call) -> Call {
    if let Call::Append { key, .. } = &mut call {
        *key = Some(Key { number, command: 0 });
    }
    call
}

pub(super) fn repeated(mut call: Call) -> Call {
    if let Call::Append {
        outcome: Outcome::Given(Ok(results)),
        ..
    } = &mut call
    {
        results.iter_mut().for_each(|one| one.repeated = true);
    }
    call
}

pub(super) fn read(of: Stream, events: &[u32]) -> Call {
    let events = events.iter().copied().map(EventNumber);
    Call::Read {
        of,
        after: Version::EMPTY,
        outcome: Outcome::Given((1..).map(Version::new).zip(events).collect()),
    }
}

/// A history of calls with their start and end, each by its own client.
pub(super) fn history<const N: usize>(calls: [(usize, usize, Call); N]) -> History {
    let operation = |(client, (invoked, returned, call))| Operation {
        client,
        function: "call",
        invoked,
        returned,
        call,
    };
    History {
        streams: 2,
        operations: (1..).zip(calls).map(operation).collect(),
    }
}
