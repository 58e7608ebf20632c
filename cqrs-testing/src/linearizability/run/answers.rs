//! Converts the store's results into answers of a history.

use cqrs_core::{
    AppendError, Appended, CommitError, EventId, StoreError, StoreErrorKind, Version, chain,
};

use super::{
    super::history::{Answer, AppendAnswer, Landed, ReadAnswer, RecallAnswer, Rejection},
    scene::Scene,
};

pub(super) fn of_append(scene: &Scene, result: Result<Vec<Appended>, AppendError>) -> AppendAnswer {
    of_write(scene, result, |appended| landed(scene, &appended))
}

pub(super) fn of_recall(
    scene: &Scene,
    result: Result<Option<Vec<Appended>>, AppendError>,
) -> RecallAnswer {
    of_write(scene, result, |appended| {
        appended.map(|appended| landed(scene, &appended))
    })
}

pub(super) fn of_read(
    scene: &Scene,
    events: impl IntoIterator<Item = (Version, EventId)>,
) -> ReadAnswer {
    let event = |(version, id)| (version, scene.event(id));
    Answer::Given(events.into_iter().map(event).collect())
}

/// The answer of a write; `convert` converts a success.
pub(super) fn of_write<T, U>(
    scene: &Scene,
    result: Result<T, impl Into<CommitError>>,
    convert: impl FnOnce(T) -> U,
) -> Answer<Result<U, Rejection>> {
    match result.map_err(Into::into) {
        Ok(done) => Answer::Given(Ok(convert(done))),
        Err(CommitError::Conflict(conflict)) => Answer::Given(Err(Rejection::Conflict {
            stream: scene.stream(&conflict.stream),
            actual: conflict.actual,
        })),
        Err(CommitError::KeyReused(_)) => Answer::Given(Err(Rejection::KeyReused)),
        Err(CommitError::Store(error)) => of_error(&error),
        Err(error) => Answer::Failed(chain(&error).to_string()),
    }
}

pub(super) fn of_error<T>(error: &StoreError) -> Answer<T> {
    match error.kind() {
        StoreErrorKind::OutcomeUnknown => Answer::Unknown,
        _ => Answer::Failed(chain(error).to_string()),
    }
}

fn landed(scene: &Scene, appended: &[Appended]) -> Vec<Landed> {
    let landed = |one: &Appended| Landed {
        stream: scene.stream(&one.stream),
        before: one.before,
        version: one.version,
        repeated: one.repeated,
    };
    appended.iter().map(landed).collect()
}
