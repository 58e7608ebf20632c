//! What is lost behind the last upcaster, or goes round the upcasters.

use serde_json::Value;

use super::{
    super::{
        changes::Change,
        key::Key,
        line::{Payload, ReadAs},
    },
    old_name, subject,
};

pub(in super::super) fn not_read_after_steps(
    key: &Key,
    payload: &Payload,
    change: &Change,
    given: &Value,
    now: &ReadAs,
) -> String {
    let to_do = match change {
        Change::Changed { .. } => {
            "Let the enum read what the upcasters return, or let the newest upcaster return what it reads."
                .to_owned()
        }
        _ => format!(
            "{} If it has no meaning any more, let the newest upcaster take it out.",
            old_name(change)
        ),
    };
    format!(
        "{}: the upcasters make {given} of {}, which would be read as {now}.\n  {to_do}",
        subject(change, key),
        payload.text
    )
}

/// `event_type` is what the upcasters give, or the stored type.
pub(in super::super) fn read_as_other(
    key: &Key,
    payload: &Payload,
    event_type: &str,
    now: &ReadAs,
) -> String {
    format!(
        "{key} {} would be read as {now}, because the enum has no event type `{event_type}` and reads it by `#[serde(other)]`.\n  Correct \
         the name in `UPCASTERS`, or restore the event type.",
        payload.text
    )
}

pub(in super::super) fn alias_of_steps(
    key: &Key,
    payload: &Payload,
    event_type: &str,
    now: &ReadAs,
) -> String {
    format!(
        "{key} {} would be read as {now} by `#[serde(alias = {event_type:?})]`, and go round the upcasters of `{}`.\n  Remove the alias, and \
         add `Upcaster::renamed({event_type:?}, {}, {:?}, ..)` with the schema version of `{}` that has its shape.",
        payload.text, now.event_type, key.schema_version, now.event_type, now.event_type
    )
}

pub(in super::super) fn swallowed(
    key: &Key,
    payload: &Payload,
    event_type: &str,
    other: &str,
    now: &ReadAs,
) -> String {
    format!(
        "{key} {} would be read as {now} by `#[serde(alias = {event_type:?})]`, as {}/{other} is, which is another event type of the \
         file: nobody could tell them apart.\n  Restore the event type. If the two shall be one, remove the alias, and add \
         `Upcaster::renamed({event_type:?}, {}, {:?}, {})`.",
        payload.text, key.category, key.schema_version, now.event_type, now.schema_version
    )
}
