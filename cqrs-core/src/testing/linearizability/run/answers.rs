//! The store's answers in the words of a history.

use super::{
    super::history::{Answer, EventNumber, Participant, Refusal},
    scene::Scene,
};
use crate::{Appended, RecordedEvent, StoreError, StoreErrorKind, Version, WriteError};

/// The versions after an append, or why there was none.
pub(super) type AppendAnswer = Answer<Result<Vec<Version>, Refusal>>;

pub(super) fn of_append(scene: &Scene, result: Result<Vec<Appended>, WriteError>) -> AppendAnswer {
    let versions = |appended: Vec<Appended>| appended.iter().map(|one| one.version).collect();
    of_write(scene, result.map(versions))
}

pub(super) fn of_write(scene: &Scene, result: Result<Vec<Version>, WriteError>) -> AppendAnswer {
    match result {
        Ok(versions) => Answer::Given(Ok(versions)),
        Err(WriteError::Conflict(conflict)) => Answer::Given(Err(Refusal {
            stream: scene.stream(&conflict.stream),
            actual: conflict.actual,
        })),
        Err(WriteError::Store(error)) => of_error(&error),
        Err(error) => Answer::Failed(error.to_string()),
    }
}

pub(super) fn of_read(
    scene: &Scene,
    result: Result<Vec<RecordedEvent>, StoreError>,
) -> Answer<Vec<(Version, EventNumber)>> {
    let event = |event: &RecordedEvent| (event.version, scene.event(event.id));
    match result {
        Ok(events) => Answer::Given(events.iter().map(event).collect()),
        Err(error) => of_error(&error),
    }
}

pub(super) fn of_error<T>(error: &StoreError) -> Answer<T> {
    match error.kind() {
        StoreErrorKind::OutcomeUnknown => Answer::Unknown,
        _ => Answer::Failed(error.to_string()),
    }
}

/// From where the streams are after their events to where they were before.
pub(super) fn before(to: &[Participant], answer: AppendAnswer) -> AppendAnswer {
    let Answer::Given(Ok(mut versions)) = answer else {
        return answer;
    };
    for (version, asked) in versions.iter_mut().zip(to) {
        *version = Version::new(version.get().saturating_sub(asked.events.len() as u64));
    }
    Answer::Given(Ok(versions))
}

/// Where the streams are after their events.
pub(super) fn after(to: &[Participant], versions: &[Version]) -> Vec<Version> {
    let after =
        |(asked, version): (&Participant, &Version)| version.plus(asked.events.len() as u64);
    to.iter().zip(versions).map(after).collect()
}
