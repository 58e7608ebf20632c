//! How the events of several streams reach a reader: in batches, and in an order.

use cqrs_core::RecordedEvent;

use super::streams::Received;
use crate::spec::calls::Calls;

/// The events in batches.
pub(super) fn batches(events: &[Received]) -> Vec<Vec<RecordedEvent>> {
    let batches = events.split_inclusive(|event| event.ends_batch);
    let recorded = |batch: &[Received]| batch.iter().map(|event| event.recorded.clone()).collect();
    batches.map(recorded).collect()
}

/// One stream after the other, in the order of these numbers.
pub(super) fn in_order(events: &[Received], streams: impl Iterator<Item = usize>) -> Vec<Received> {
    let of = |stream| events.iter().filter(move |event| event.stream == stream);
    streams.flat_map(of).cloned().collect()
}

/// The streams merged at random; each keeps its own order.
pub(super) fn merged(events: &[Received], streams: usize, seed: u64) -> Vec<Received> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut left: Vec<_> = (0..streams)
        .map(|stream| in_order(events, std::iter::once(stream)).into_iter())
        .collect();
    let mut merged = Vec::with_capacity(events.len());
    while merged.len() < events.len() {
        merged.extend(left[random.usize(..streams)].next());
    }
    merged
}

/// The events as calls of a specification: one for all that come one after the other on a stream, and `when` for the last
/// event.
pub(super) fn calls(events: &[Received]) -> Calls {
    let mut calls = Calls::default();
    let Some((last, before)) = events.split_last() else {
        return calls;
    };
    add_given(&mut calls, before);
    add_when(&mut calls, last);
    calls
}

/// The same, with a call for each batch.
pub(super) fn calls_of_batches(events: &[Received]) -> Calls {
    let mut calls = Calls::default();
    let batches: Vec<_> = events.split_inclusive(|event| event.ends_batch).collect();
    for (number, batch) in batches.iter().enumerate() {
        match batch {
            [last] if number + 1 == batches.len() => add_when(&mut calls, last),
            batch => add_given(&mut calls, batch),
        }
    }
    calls
}

/// Each event twice in a row, in a batch each, and the same as calls.
pub(super) fn each_twice(events: &[Received]) -> (Vec<Vec<RecordedEvent>>, Calls) {
    let mut batches = Vec::new();
    let mut calls = Calls::default();
    for event in events {
        batches.extend([vec![event.recorded.clone()], vec![event.recorded.clone()]]);
        add_when(&mut calls, event);
        calls.add("again_last", "1");
    }
    (batches, calls)
}

/// Adds events as given.
pub(super) fn add_given(calls: &mut Calls, events: &[Received]) {
    for events in events.chunk_by(|one, next| one.stream == next.stream) {
        let sources: Vec<_> = events.iter().map(|event| &*event.source).collect();
        let id = events[0].recorded.stream.id();
        calls.add("given", &format!("{id:?}, [{}]", sources.join(", ")));
    }
}

/// Adds the event that a specification is about.
pub(super) fn add_when(calls: &mut Calls, event: &Received) {
    let id = event.recorded.stream.id();
    calls.add("when", &format!("{id:?}, {}", event.source));
}
