//! What a reader of other kinds could not read.

use super::{
    super::{
        compare::{Problem, What},
        key::Key,
        line::ReadAs,
    },
    step, withdraw,
};

pub(in super::super) fn narrowed(key: &Key, problem: &Problem) -> String {
    let Problem { path, kind, what } = problem;
    let was = match what {
        What::Other(was) => was,
        What::Missing | What::Variant(_) => "something else",
    };
    format!(
        "{} of {key} was {was} and is {kind} now: not every stored value could be read.\n  Keep the type, or add an upcaster: {}. {}",
        field(path),
        step(key),
        withdraw(key)
    )
}

/// `value` fits the kind that the field was of.
pub(in super::super) fn narrowed_after(
    key: &Key,
    path: &str,
    kind: &str,
    value: &str,
    now: &[ReadAs],
) -> String {
    let types: Vec<_> = now
        .iter()
        .map(|now| format!("{}@{}", now.event_type, now.schema_version))
        .collect();
    format!(
        "{} of {key} was {kind}, but {value} there could not be read, or would be another value, in {}.\n  Widen the type that reads it: in \
         the enum, or in the upcaster. {}",
        field(path),
        types.join(" + "),
        withdraw(key)
    )
}

/// A part of an event. A newtype variant has no field.
fn field(path: &str) -> String {
    match path.trim_start_matches('.') {
        "" => "the content".to_owned(),
        path => format!("the field `{path}`"),
    }
}

pub(in super::super) fn no_longer_published(key: &Key) -> String {
    let name = key.name();
    format!(
        "{name} is published, and the code no longer writes it: readers of {name} get no more of them.\n  Keep the event type. When no \
         consumer reads it any more, list the enum without `.published`, and check its consumers with `.contracts(..)`. {}",
        withdraw(key)
    )
}

pub(in super::super) fn unreadable_by_consumers(
    older: &Key,
    newer: &Key,
    problem: &Problem,
) -> String {
    let Problem { path, kind, what } = problem;
    let field = field(path);
    format!(
        "a reader with the shape of {older} could not read {newer}, which is published: {field} ({kind}) is {what}.\n  Keep it as it was, or \
         publish a new event type."
    )
}
