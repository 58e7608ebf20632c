//! Which parts of a payload may be absent: each is left out in turn, and the type is asked whether it still reads the rest.

use std::collections::{HashMap, HashSet};

use cqrs_shape::{Kind, Shape, Step};
use serde_json::Value;

use super::{
    making::Place,
    walk::{Spot, remove, replace, spots},
};

/// What was found out about the places of a shape.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Fields that are written: whether reading fails without it.
    pub(super) required: HashMap<Place, bool>,
    /// Enums that read a variant which they do not have.
    pub(super) open: HashSet<Place>,
}

/// No variant has this name.
const NO_VARIANT: &str = "(no variant has this name)";

/// Leaves out every field of `payload` in turn, and records which are required.
pub(super) fn examine(
    shape: &Shape,
    payload: &Value,
    reads: impl Fn(&Value) -> bool,
    findings: &mut Findings,
) {
    for spot in spots(shape, payload) {
        let mut changed = payload.clone();
        if is_field(&spot) && remove(&mut changed, &spot.path) {
            let required = findings.required.entry(spot.shape).or_default();
            *required |= !reads(&changed);
        }
        let mut changed = payload.clone();
        if spot.shape.kind == Kind::Enum
            && replace(&mut changed, &spot.path, NO_VARIANT.into())
            && reads(&changed)
        {
            findings.open.insert(spot.shape);
        }
    }
}

/// The payload without everything that may be absent. `None` if everything is required.
pub(super) fn sparse(
    shape: &Shape,
    payload: &Value,
    reads: impl Fn(&Value) -> bool,
) -> Option<Value> {
    let mut rest = payload.clone();
    for spot in spots(shape, payload) {
        let mut less = rest.clone();
        let changed = if is_field(&spot) {
            remove(&mut less, &spot.path)
        } else {
            spot.shape.kind == Kind::Option && replace(&mut less, &spot.path, Value::Null)
        };
        if changed && reads(&less) {
            rest = less;
        }
    }
    (rest != *payload).then_some(rest)
}

pub(super) fn is_field(spot: &Spot<'_>) -> bool {
    matches!(spot.step, Some(Step::Field(_)))
}
