//! Values at the edges of what a type reads: zero, negative, empty, twice in a list, each number of a few. A generated value is none
//! of them, and a type that no longer reads one would not be noticed.

use std::collections::HashSet;

use cqrs_shape::{Kind, Shape};
use serde_json::{Value, json};

use super::{
    making::Place,
    optional::is_field,
    walk::{Segment, Spot, get, remove, replace, spots},
};

/// What a payload is read as, if it is read as one event of its type.
pub(super) type Read<'a> = dyn Fn(&Value) -> Option<Value> + 'a;

/// As many numbers of a type that reads only some of them are each kept, or as many ends of ranges.
const MOST_NUMBERS: usize = 16;

/// The numbers among which those are looked for that a type reads.
const NUMBERS: std::ops::RangeInclusive<i64> = -16..=1_023;

/// Texts with rules of their own, beside those that are generated. A type that reads one is no longer the same without it.
const TEXTS: [&str; 5] = [
    "",
    "::1",
    "[::1]:80",
    "ffffffff-ffff-4fff-bfff-ffffffffffff",
    "2000-01-01T00:00:00+01:00",
];

/// Payloads with values at the edges, in places that are not `done`. Each is read as what it says: a type that changes a value
/// has another edge.
pub(super) fn edges(
    shape: &Shape,
    whole: &Value,
    read: &Read<'_>,
    done: &mut HashSet<Place>,
) -> Vec<Value> {
    let places = spots(shape, whole);
    let new: Vec<_> = places
        .iter()
        .filter(|spot| done.insert(spot.shape))
        .collect();
    let leaves: Vec<_> = new
        .iter()
        .map(|spot| (*spot, alternatives(spot, whole, read)))
        .collect();
    let most = leaves.iter().map(|(_, values)| values.len()).max();
    let mut payloads = Vec::new();
    for round in 0..most.unwrap_or_default().max(1) {
        let mut payload = whole.clone();
        for (spot, values) in &leaves {
            if let Some(value) = values.get(round) {
                set(&mut payload, &spot.path, value, read);
            }
        }
        if round == 0 {
            twice(&mut payload, &new, read);
        }
        payloads.push(payload);
    }
    let mut empty = whole.clone();
    for spot in &new {
        match spot.shape.kind {
            Kind::Seq => set(&mut empty, &spot.path, &json!([]), read),
            Kind::Map if !spot.path.is_empty() => set(&mut empty, &spot.path, &json!({}), read),
            _ => false,
        };
    }
    payloads.push(empty);
    payloads.retain(|payload| payload != whole);
    payloads
}

/// Each list with its item twice. A set would not keep both.
fn twice(payload: &mut Value, places: &[&Spot<'_>], read: &Read<'_>) {
    for spot in places.iter().filter(|spot| spot.shape.kind == Kind::Seq) {
        if let Some([item]) = get(payload, &spot.path)
            .and_then(Value::as_array)
            .map(Vec::as_slice)
        {
            let both = json!([item, item]);
            set(payload, &spot.path, &both, read);
        }
    }
}

/// Sets a value if it is read as what it is, or left out because it is a default.
fn set(payload: &mut Value, path: &[Segment], value: &Value, read: &Read<'_>) -> bool {
    let mut changed = payload.clone();
    if !replace(&mut changed, path, value.clone()) {
        return false;
    }
    let Some(now) = read(&changed) else {
        return false;
    };
    let kept = get(&now, path).is_none_or(|now| now == value);
    if kept {
        *payload = changed;
    }
    kept
}

/// Other values that the type reads at a place.
fn alternatives(spot: &Spot<'_>, whole: &Value, read: &Read<'_>) -> Vec<Value> {
    let (Kind::Leaf(kind), Some(own)) = (spot.shape.kind, get(whole, &spot.path)) else {
        return Vec::new();
    };
    let reads = |value: &Value| *value != *own && set(&mut whole.clone(), &spot.path, value, read);
    match kind {
        "bool" => vec![json!(!own.as_bool().unwrap_or_default())],
        "string" => {
            let texts = TEXTS.iter().map(|text| json!(text));
            texts.into_iter().find(reads).into_iter().collect()
        }
        "f32" | "f64" => [json!(-0.5)].into_iter().filter(reads).collect(),
        _ if kind.starts_with('u') && kind != "unit" => numbers(0, &reads),
        _ if kind.starts_with('i') && own.is_number() => numbers(-1, &reads),
        _ => Vec::new(),
    }
}

/// `lowest` and 0. Of a type that does not read every number, the numbers that it reads, or the ends of their ranges.
fn numbers(lowest: i64, reads: &impl Fn(&Value) -> bool) -> Vec<Value> {
    let of = |number: i64| reads(&json!(number));
    // One of the three is the generated number itself.
    let small = [2, 3, 4].into_iter().filter(|number| of(*number)).count();
    let edges: Vec<_> = (lowest..=0).filter(|number| of(*number)).collect();
    if small >= 2 && of(127) && edges.contains(&0) {
        return edges.into_iter().rev().map(Value::from).collect();
    }
    let read: Vec<_> = NUMBERS.filter(|number| of(*number)).collect();
    let is_read = |number: i64| read.binary_search(&number).is_ok();
    let is_end = |number: &i64| {
        let limits = [NUMBERS.start(), NUMBERS.end()];
        let is_inner = is_read(number - 1) && is_read(number + 1);
        !(limits.contains(&number) || is_inner)
    };
    let every = read.len() <= MOST_NUMBERS;
    let kept = read.iter().filter(|number| every || is_end(number));
    kept.take(MOST_NUMBERS).map(|it| Value::from(*it)).collect()
}

/// A payload with values that the type reads and leaves out when it writes them: the defaults of these fields.
pub(super) fn defaults(shape: &Shape, whole: &Value, read: &Read<'_>) -> Option<Value> {
    let mut payload = whole.clone();
    for spot in spots(shape, whole).into_iter().filter(is_field) {
        let mut less = whole.clone();
        if !remove(&mut less, &spot.path) || read(&less).is_none() {
            continue;
        }
        let likely = [
            json!(0),
            json!(false),
            json!(""),
            json!([]),
            json!({}),
            json!(0.0),
            json!(1),
            json!(true),
            json!(1.0),
            json!("a"),
        ];
        let found = likely.into_iter().find(|value| {
            let mut changed = payload.clone();
            replace(&mut changed, &spot.path, value.clone())
                && read(&changed).is_some_and(|now| get(&now, &spot.path).is_none())
        });
        if let Some(value) = found {
            replace(&mut payload, &spot.path, value);
        }
    }
    (payload != *whole).then_some(payload)
}
