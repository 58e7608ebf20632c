//! Walks through a payload and its shape together.

use cqrs_shape::{Kind, Shape, Step};
use serde_json::Value;

/// A step into a payload: the name of a member, or an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    Name(String),
    Index(usize),
}

/// A part of a value. The content of an option has no segment: it is the value itself.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) segment: Option<Segment>,
    pub(super) step: Step,
    pub(super) shape: &'a Shape,
    pub(super) value: &'a Value,
}

/// The parts of a value, as far as the shape knows them.
pub(super) fn parts<'a>(shape: &'a Shape, value: &'a Value) -> Vec<Part<'a>> {
    let part = |segment: Option<Segment>, step: Step, value: &'a Value| {
        let shape = shape.part(step)?;
        Some(Part {
            segment,
            step,
            shape,
            value,
        })
    };
    let found = match (shape.kind, value) {
        (Kind::Option, Value::Null) => Vec::new(),
        (Kind::Option, value) => vec![part(None, Step::Content, value)],
        (Kind::Seq | Kind::Tuple(_), Value::Array(items)) => {
            let items = items.iter().enumerate().map(|(index, value)| {
                let step = match shape.kind {
                    Kind::Seq => Step::Item,
                    _ => Step::Element(index),
                };
                part(Some(Segment::Index(index)), step, value)
            });
            items.collect()
        }
        (Kind::Struct | Kind::Map | Kind::Enum, Value::Object(entries)) => {
            let entries = entries.iter().map(|(name, value)| {
                let segment = Some(Segment::Name(name.clone()));
                part(segment, named(shape, name)?, value)
            });
            entries.collect()
        }
        _ => Vec::new(),
    };
    found.into_iter().flatten().collect()
}

/// The step to the field, variant or entry of this name.
pub(super) fn named(shape: &Shape, name: &str) -> Option<Step> {
    let is_named =
        |step: &Step| matches!(*step, Step::Field(own) | Step::Variant(own) if own == name);
    let steps = || shape.parts.iter().map(|(step, _)| *step);
    let entry = || steps().find(|step| *step == Step::Value);
    steps().find(is_named).or_else(entry)
}

/// A place in a payload.
#[derive(Debug)]
pub(super) struct Spot<'s> {
    pub(super) path: Vec<Segment>,
    pub(super) shape: &'s Shape,
    /// How it was reached; `None` for the whole.
    pub(super) step: Option<Step>,
}

/// All places, from the outside in.
pub(super) fn spots<'s>(shape: &'s Shape, value: &'s Value) -> Vec<Spot<'s>> {
    let mut spots = vec![Spot {
        path: Vec::new(),
        shape,
        step: None,
    }];
    for part in parts(shape, value) {
        for mut spot in self::spots(part.shape, part.value) {
            if let Some(segment) = &part.segment {
                spot.path.insert(0, segment.clone());
            }
            spot.step = spot.step.or(Some(part.step));
            spots.push(spot);
        }
    }
    spots
}

/// Removes the field at `path`. `false` if there is none.
pub(super) fn remove(value: &mut Value, path: &[Segment]) -> bool {
    let Some((Segment::Name(last), before)) = path.split_last() else {
        return false;
    };
    let object = at(value, before).and_then(Value::as_object_mut);
    object.and_then(|object| object.remove(last)).is_some()
}

/// Replaces what is at `path`. `false` if there is nothing.
pub(super) fn replace(value: &mut Value, path: &[Segment], by: Value) -> bool {
    at(value, path).map(|value| *value = by).is_some()
}

/// What is at `path`.
pub(super) fn get<'v>(value: &'v Value, path: &[Segment]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, segment| match segment {
        Segment::Name(name) => value.get(name.as_str()),
        Segment::Index(index) => value.get(*index),
    })
}

fn at<'v>(value: &'v mut Value, path: &[Segment]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, segment| match segment {
        Segment::Name(name) => value.get_mut(name.as_str()),
        Segment::Index(index) => value.get_mut(*index),
    })
}
