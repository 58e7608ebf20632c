//! Converts the store's results into outcomes of a history.

use cqrs_core::{
    EventId, StoreError, StoreErrorKind, Version, chain,
    ports::{AppendError, Appended, CommitError, LookupError},
};

use super::{
    super::history::{AppendOutcome, LookupOutcome, Outcome, ReadOutcome, Rejection, StreamResult},
    shared::SharedState,
};

pub(super) fn of_append(
    shared: &SharedState,
    result: Result<Vec<Appended>, AppendError>,
) -> AppendOutcome {
    of_write(shared, result, |appended| results(shared, &appended))
}

pub(super) fn of_lookup(
    shared: &SharedState,
    result: Result<Option<Vec<Appended>>, LookupError>,
) -> LookupOutcome {
    of_write(shared, result, |appended| {
        appended.map(|appended| results(shared, &appended))
    })
}

pub(super) fn of_read(
    shared: &SharedState,
    events: impl IntoIterator<Item = (Version, EventId)>,
) -> ReadOutcome {
    let event = |(version, id)| (version, shared.event(id));
    Outcome::Given(events.into_iter().map(event).collect())
}

/// The outcome of a write; `convert` converts a success.
pub(super) fn of_write<T, U>(
    shared: &SharedState,
    result: Result<T, impl Into<CommitError>>,
    convert: impl FnOnce(T) -> U,
) -> Outcome<Result<U, Rejection>> {
    match result.map_err(Into::into) {
        Ok(done) => Outcome::Given(Ok(convert(done))),
        Err(CommitError::Conflict(conflict)) => Outcome::Given(Err(Rejection::Conflict {
            stream: shared.stream(&conflict.stream),
            actual: conflict.actual,
        })),
        Err(CommitError::KeyReused(_)) => Outcome::Given(Err(Rejection::KeyReused)),
        Err(CommitError::Store(error)) => of_error(&error),
        Err(error) => Outcome::Failed(chain(&error).to_string()),
    }
}

pub(super) fn of_error<T>(error: &StoreError) -> Outcome<T> {
    match error.kind() {
        StoreErrorKind::OutcomeUnknown => Outcome::Unknown,
        _ => Outcome::Failed(chain(error).to_string()),
    }
}

fn results(shared: &SharedState, appended: &[Appended]) -> Vec<StreamResult> {
    let results = |one: &Appended| StreamResult {
        stream: shared.stream(&one.stream),
        before: one.before,
        version: one.version,
        repeated: one.repeated,
    };
    appended.iter().map(results).collect()
}
