//! What became of the fields of an event that was read before: kept, lost, changed or gained.

use cqrs_shape::{Kind, Shape, Step};
use serde_json::Value;

use super::walk::named;

/// What became of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// It would be lost.
    Lost { field: String },
    /// It would have another value.
    Changed {
        field: String,
        from: String,
        to: String,
    },
    /// It is new, or has another name.
    Gained { field: String },
}

/// Compares what an event was read as with what it is read as now.
pub(super) fn changes(shape: Option<&Shape>, before: &Value, now: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    compare(shape, before, now, "", &mut changes);
    changes
}

fn compare(
    shape: Option<&Shape>,
    before: &Value,
    now: &Value,
    path: &str,
    changes: &mut Vec<Change>,
) {
    match (before, now) {
        (Value::Object(before), Value::Object(now)) => {
            for (name, old) in before {
                let field = inside(path, name);
                match now.get(name) {
                    Some(new) => compare(part(shape, name), old, new, &field, changes),
                    // By another name.
                    None if part(shape, name).is_some() => {}
                    None => changes.push(Change::Lost { field }),
                }
            }
            let new = now.keys().filter(|name| !before.contains_key(*name));
            changes.extend(new.map(|name| Change::Gained {
                field: inside(path, name),
            }));
        }
        (Value::Array(before), Value::Array(now)) if before.len() == now.len() => {
            let item = |index| shape.and_then(|shape| element(shape, index));
            for (index, (old, new)) in before.iter().zip(now).enumerate() {
                let path = inside(path, &index.to_string());
                compare(item(index), old, new, &path, changes);
            }
        }
        // An event without fields has got some.
        (Value::Null, Value::Object(now)) if path.is_empty() => {
            changes.extend(now.keys().map(|name| Change::Gained {
                field: name.clone(),
            }));
        }
        (before, now) if before == now => {}
        (before, now) => changes.push(Change::Changed {
            field: path.to_owned(),
            from: before.to_string(),
            to: now.to_string(),
        }),
    }
}

fn inside(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

fn content(shape: &Shape) -> &Shape {
    match (shape.kind, shape.part(Step::Content)) {
        (Kind::Option, Some(inner)) => content(inner),
        _ => shape,
    }
}

/// The field or variant of this name that the code reads, perhaps as another name.
fn part<'s>(shape: Option<&'s Shape>, name: &str) -> Option<&'s Shape> {
    let shape = content(shape?);
    shape.part(named(shape, name)?)
}

fn element(shape: &Shape, index: usize) -> Option<&Shape> {
    let shape = content(shape);
    shape
        .part(Step::Item)
        .or_else(|| shape.part(Step::Element(index)))
}
