//! The sentences of the catalogue: what would happen to stored events, and what to do instead.

mod kinds;
mod upcast;

use std::path::Path;

pub(super) use self::{
    kinds::{narrowed, narrowed_after, no_longer_published, unreadable_by_consumers},
    upcast::{alias_of_steps, not_read_after_steps, read_as_other, swallowed},
};
use super::{
    changes::Change,
    key::Key,
    line::{Payload, ReadAs, joined},
    settings::VARIABLE,
};

fn withdraw(key: &Key) -> String {
    format!("If no such event was ever stored, run `{VARIABLE}=withdraw:{key} cargo test`.")
}

/// The upcaster from a schema version, as code.
fn step(key: &Key) -> String {
    let Key {
        event_type,
        schema_version,
        ..
    } = key;
    let next = schema_version + 1;
    format!(
        "`Upcaster::typed::<{event_type}V{schema_version}, {event_type}V{next}>({event_type:?}, {schema_version})`"
    )
}

pub(super) fn gone(key: &Key) -> String {
    let event_type = &key.event_type;
    format!(
        "{} is gone from the code, but events of this type may be stored, with schema version {}.\n  Restore it, or add \
         `Upcaster::dropped({event_type:?}, {})`, or `Upcaster::renamed({event_type:?}, {}, \"..\", ..)` with the type that takes its \
         place, in the schema version that has its shape. {}",
        key.name(),
        key.schema_version,
        key.schema_version,
        key.schema_version,
        withdraw(key)
    )
}

pub(super) fn older_of_another(key: &Key) -> String {
    format!(
        "there is an `.older(..)` event {key}, but no enum with the category `{}` is listed.\n  List the enum, or remove the event.",
        key.category
    )
}

pub(super) fn category_gone(category: &str) -> String {
    format!(
        "no enum of the catalogue has the category `{category}`, but its events may be stored.\n  List its enum in `catalogue!`."
    )
}

pub(super) fn step_removed(key: &Key, newest: u32) -> String {
    format!(
        "{key} may be stored, but the code knows {} only up to schema version {newest}: an upcaster was removed.\n  Restore it in \
         `UPCASTERS`. {}",
        key.name(),
        withdraw(key)
    )
}

pub(super) fn upcaster_fails(at: &Key, key: &Key, payload: &Payload, reason: &str) -> String {
    format!(
        "the upcaster from {at} fails for a stored event, {key} {}: {reason}.\n  Correct it in `UPCASTERS`: an upcaster must not fail for an event that was stored. If it reads metadata, give the catalogue some: `.metadata(..)`. {}",
        payload.text,
        withdraw(key)
    )
}

pub(super) fn undecodable(key: &Key, payload: &Payload, reason: &str) -> String {
    format!(
        "{key} {} may be stored, and no longer decodes: {reason}.\n  Add an upcaster: {}. Or give a new field a default, \
         `#[serde(default)]`, or a renamed one its old name, `#[serde(alias = \"..\")]`. {}",
        payload.text,
        step(key),
        withdraw(key)
    )
}

pub(super) fn changed(key: &Key, payload: &Payload, change: &Change, now: &ReadAs) -> String {
    let subject = subject(change, key);
    let next = step(&now.key(&key.category));
    let read = format!("{} would be read as {now}", payload.text);
    let to_do = match change {
        Change::Changed {
            from,
            variant: true,
            ..
        } => format!(
            "If the variant has another name now, keep the old one: `#[serde(alias = {from})]`. Otherwise restore it, and add the next \
             upcaster: {next}"
        ),
        Change::Changed { .. } => {
            format!("Restore what was read of it, and add the next upcaster: {next}")
        }
        _ => format!(
            "{} Otherwise add an upcaster: {next}, or `Upcaster::split(..)` if an event of its own has the field now",
            old_name(change)
        ),
    };
    format!("{subject}: {read}.\n  {to_do}. {}", withdraw(key))
}

/// The field with what would become of it.
fn subject(change: &Change, key: &Key) -> String {
    let (field, what) = match change {
        Change::Lost { field, .. } => (field, "be lost".to_owned()),
        Change::Changed {
            field, from, to, ..
        } => (field, format!("change from {from} to {to}")),
        Change::Gained { field, .. } => (field, "be new".to_owned()),
    };
    if field.is_empty() {
        format!("the content of {key} would {what}")
    } else {
        format!("the field `{field}` of {key} would {what}")
    }
}

fn old_name(change: &Change) -> String {
    let (Change::Lost { field, .. } | Change::Changed { field, .. } | Change::Gained { field, .. }) =
        change;
    let last = field.rsplit('.').next().unwrap_or(field);
    format!("If the field has another name now, keep the old one: `#[serde(alias = {last:?})]`.")
}

pub(super) fn default_changed(
    key: &Key,
    payload: &Payload,
    field: &str,
    was: &ReadAs,
    now: &ReadAs,
) -> String {
    format!(
        "the default of the field `{field}` of {key} has changed: {} was read as {was}, and would be read as {now}.\n  Events with the \
         default were stored without the field, so they would change, too. Restore it, or add an upcaster that gives them the field: {}. {}",
        payload.text,
        step(key),
        withdraw(key)
    )
}

pub(super) fn step_changed(key: &Key, payload: &Payload, was: &[ReadAs], now: &[ReadAs]) -> String {
    format!(
        "{key} {} would be read as {}. It was read as {}, and no schema version was raised.\n  An upcaster that is in use must not change: \
         restore it, and add the next upcaster.",
        payload.text,
        joined(now),
        joined(was)
    )
}

/// What it was read as becomes `next` by the upcasters of today.
pub(super) fn older_step_changed(
    key: &Key,
    payload: &Payload,
    was: &[ReadAs],
    next: &[ReadAs],
    now: &[ReadAs],
) -> String {
    format!(
        "{key} {} would be read as {}. It was read as {}, which becomes {} by the newer upcasters.\n  An upcaster that is in use must not \
         change: restore it, and change only the newest upcaster.",
        payload.text,
        joined(now),
        joined(was),
        joined(next)
    )
}

pub(super) fn withdrawn(key: &Key) -> String {
    format!(
        "{key} was withdrawn with this shape, and is in the code again.\n  Give the event type another name, or another shape."
    )
}

/// A line was removed by hand: that of a shape, or the last event of one.
pub(super) fn line_missing(key: &Key, shape: &str, of_events: bool) -> String {
    let (has, lacks) = if of_events {
        ("the shape", "no event of it")
    } else {
        ("events of the shape", "no line of that shape")
    };
    format!(
        "the file has {has} {shape} of {key}, but {lacks}: a line was removed.\n  Lines are only added. Restore it from the history of the \
         file. {}",
        withdraw(key)
    )
}

pub(super) fn no_older_event(key: &Key, enum_name: &str) -> String {
    format!(
        "no line shows an event {key}, so nothing proves the upcaster from it.\n  If the line was removed, restore it. If the upcaster is \
         older than the file, give a payload as it was stored: `.older::<{enum_name}>({:?}, {}, r#\"{{..}}\"#)`.",
        key.event_type, key.schema_version
    )
}

/// What to do when a stored event is read in another way than before.
pub(super) fn read_otherwise(
    key: &Key,
    payload: &Payload,
    was: &str,
    now: &[ReadAs],
    gained: bool,
) -> Vec<String> {
    let what = if gained {
        "gains fields"
    } else {
        "goes through a new upcaster"
    };
    vec![
        format!("{key} {} {what}: it was read as {was}, and is read as {} now.", payload.text, joined(now)),
        "What was made of such events stays as it is until you rebuild it: raise `SnapshotPolicy::version` of the aggregates that \
         read them, and rebuild the views that show them."
            .to_owned(),
    ]
}

pub(super) fn which_shape(key: &Key, shapes: &[&str]) -> String {
    let commands = shapes
        .iter()
        .map(|shape| format!("`{VARIABLE}=withdraw:{key}#{shape} cargo test`"));
    let commands: Vec<_> = commands.collect();
    format!(
        "{key} has several shapes that are not in the code.\n  Withdraw each of which no event was ever stored: {}.",
        commands.join(", ")
    )
}

pub(super) fn nothing_to_withdraw(key: &Key, is_current: bool) -> String {
    if is_current {
        return format!(
            "{key} is in the code, so it cannot be withdrawn.\n  Remove or change the event type first."
        );
    }
    format!(
        "the file has no line of {key}, so there is nothing to withdraw.\n  Correct its name or its schema version."
    )
}

/// A schema that the code no longer writes.
pub(super) fn broken_schema(path: &Path) -> String {
    let path = path.display();
    format!(
        "{path} has the marks of a merge conflict.\n  The code no longer writes this schema version: restore the file, for example with \
         `git checkout --ours {path}`."
    )
}
