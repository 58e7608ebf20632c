//! Guarantee of every store: a value is read back as it was written, or it is refused when it is written.

use std::collections::BTreeMap;

use cqrs_core::{
    Aggregate, CommandStore, Context, Decision, DocumentKeys, Envelope, Event, ReadModel, Runner,
    SnapshotPolicy, Store, StoreErrorKind, View, role,
};
use proptest::{
    prelude::*,
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use serde::{Deserialize, Serialize};

/// The values that a JSON parser, a column of a database or a missing value may change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ShapeEvent {
    /// Floats of both sizes.
    Floats(f64, f32),
    /// The widest integers.
    Wide {
        /// Up to 2^128.
        unsigned: u128,
        /// From -2^127 to 2^127.
        signed: i128,
    },
    /// The integers beyond the exact range of a float.
    Long(u64, i64),
    /// Values that may be missing.
    Missing {
        /// A float that may be missing.
        float: Option<f64>,
        /// A value that may be missing inside one that may be missing.
        nested: Option<Option<u64>>,
        /// Nothing, or a value without content.
        unit: Option<()>,
    },
    /// A value whose shape tells what it is.
    Either(Either),
    /// Values under keys.
    Keyed(BTreeMap<String, Vec<f64>>),
    /// No content.
    Nothing,
}

/// An integer or a float: only the digits tell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Either {
    /// An integer.
    Integer(i64),
    /// A float.
    Float(f64),
}

impl Event for ShapeEvent {
    const CATEGORY: &'static str = "shape";
}

/// Remembers every event that it was given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Shapes {
    seen: Vec<ShapeEvent>,
}

impl Aggregate for Shapes {
    type Command = ShapeEvent;
    type Event = ShapeEvent;
    type Error = std::convert::Infallible;

    fn handle(&self, event: ShapeEvent, _: &Context) -> Decision<Self> {
        Ok(vec![event])
    }

    fn apply(&mut self, event: ShapeEvent) {
        self.seen.push(event);
    }
}

/// The events of each aggregate, in one document.
#[derive(Debug)]
pub struct SeenShapes;

/// What the view keeps of an aggregate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    shapes: Shapes,
    /// The events as text, which also has the sign of a zero.
    printed: Vec<String>,
}

impl Seen {
    fn add(&mut self, event: ShapeEvent) {
        self.printed.push(format!("{event:?}"));
        self.shapes.apply(event);
    }
}

impl Shapes {
    /// The document of a view that was given these events. A number in a document has no negative zero.
    #[must_use]
    pub fn seen(&self) -> Seen {
        let mut seen = Seen::default();
        self.seen.iter().cloned().for_each(|event| seen.add(event));
        seen.shapes
            .seen
            .iter_mut()
            .for_each(ShapeEvent::lose_the_sign_of_zeros);
        seen
    }
}

impl ShapeEvent {
    fn lose_the_sign_of_zeros(&mut self) {
        match self {
            Self::Floats(wide, narrow) => {
                *wide += 0.0;
                *narrow += 0.0;
            }
            Self::Missing {
                float: Some(float), ..
            }
            | Self::Either(Either::Float(float)) => *float += 0.0,
            Self::Keyed(keyed) => keyed.values_mut().flatten().for_each(|float| *float += 0.0),
            Self::Missing { .. }
            | Self::Wide { .. }
            | Self::Long(..)
            | Self::Either(_)
            | Self::Nothing => {}
        }
    }
}

/// Compares also the sign of zeros.
#[track_caller]
fn assert_same<T: std::fmt::Debug>(found: &T, expected: &T) {
    assert_eq!(format!("{found:?}"), format!("{expected:?}"));
}

impl View for SeenShapes {
    const NAME: &'static str = "shapes";
    type Events = ShapeEvent;
    type Document = Seen;

    fn keys(&self, event: &Envelope<ShapeEvent>) -> DocumentKeys {
        event.id().into()
    }

    fn apply(&self, _: &str, seen: Option<Seen>, event: &Envelope<ShapeEvent>) -> Option<Seen> {
        let mut seen = seen.unwrap_or_default();
        seen.add(event.event.clone());
        Some(seen)
    }
}

fn float() -> impl Strategy<Value = f64> {
    let special = [
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        5e-324,
        1e16,
        1e-7,
        0.1 + 0.2,
        -0.0,
    ];
    prop_oneof![any::<f64>(), proptest::sample::select(special.to_vec())]
}

fn narrow_float() -> impl Strategy<Value = f32> {
    prop_oneof![any::<f32>(), Just(-0.0)]
}

fn shape() -> impl Strategy<Value = ShapeEvent> {
    let either = prop_oneof![
        any::<i64>().prop_map(Either::Integer),
        float().prop_map(Either::Float)
    ];
    prop_oneof![
        (float(), narrow_float()).prop_map(|(wide, narrow)| ShapeEvent::Floats(wide, narrow)),
        any::<(u128, i128)>().prop_map(|(unsigned, signed)| ShapeEvent::Wide { unsigned, signed }),
        any::<(u64, i64)>().prop_map(|(unsigned, signed)| ShapeEvent::Long(unsigned, signed)),
        (proptest::option::of(float()), any::<Option<u64>>()).prop_map(|(float, inner)| {
            let nested = inner.map(Some);
            ShapeEvent::Missing {
                float,
                nested,
                unit: None,
            }
        }),
        either.prop_map(ShapeEvent::Either),
        proptest::collection::btree_map(
            "[a-z]{0,5}",
            proptest::collection::vec(float(), 0..3),
            0..3
        )
        .prop_map(ShapeEvent::Keyed),
        Just(ShapeEvent::Nothing),
    ]
}

/// A hundred events that can be written.
///
/// # Panics
/// Never: every strategy of this module makes values.
#[must_use]
pub fn samples() -> Vec<ShapeEvent> {
    let mut runner = TestRunner::deterministic();
    let mut sample = || {
        shape()
            .new_tree(&mut runner)
            .expect("makes a value")
            .current()
    };
    (0..100).map(|_| sample()).collect()
}

/// Appends the samples to the aggregate called `id`, and returns its expected state.
///
/// # Panics
/// When one is refused.
pub async fn append_samples<S: Store>(store: &S, id: &str) -> Shapes {
    let shapes = store.repository::<Shapes>();
    for event in samples() {
        shapes.execute(id, event).await.expect("can be written");
    }
    Shapes { seen: samples() }
}

/// The document of the view for the aggregate called `id`.
///
/// # Panics
/// When it cannot be read.
pub async fn seen<S: Store>(store: &S, id: &str) -> Option<Seen> {
    let model = ReadModel::<SeenShapes, _>::new(store);
    model.get(id).await.expect("reads")
}

/// Numbers and missing values come back equal from the log, a snapshot, a document and a rebuild; from the log and a snapshot also
/// the sign of a zero.
pub async fn every_value_comes_back_as_it_was_written<S: Store>(store: S) {
    let expected = append_samples(&store, "a").await;
    let fresh = store.repository::<Shapes>();
    assert_same(&fresh.load("a").await.expect("reads").state, &expected);

    let saved = fresh.snapshots(SnapshotPolicy::on_demand());
    saved.take_snapshot("a").await.expect("can be written");
    assert_same(&saved.load("a").await.expect("reads").state, &expected);

    for _ in 0..2 {
        let view = Runner::over_log::<role::View>(&store, SeenShapes).expect("a view");
        view.catch_up().await.expect("runs");
        assert_same(&seen(&store, "a").await, &Some(expected.seen()));
        let model = ReadModel::<SeenShapes, _>::new(&store);
        model.reset("rebuild").await.expect("resets");
    }
}

/// What JSON would change is refused when it is written, and nothing is stored.
pub async fn a_value_that_json_would_change_is_refused<S: Store>(store: S) {
    let missing = |float, nested, unit| ShapeEvent::Missing {
        float,
        nested,
        unit,
    };
    let shapes = store.repository::<Shapes>();
    for event in [
        ShapeEvent::Floats(f64::NAN, 0.0),
        ShapeEvent::Floats(0.0, f32::INFINITY),
        missing(Some(f64::NEG_INFINITY), None, None),
        missing(None, Some(None), None),
        missing(None, None, Some(())),
        ShapeEvent::Keyed(BTreeMap::from([("a".to_owned(), vec![f64::NAN])])),
    ] {
        let error = shapes
            .execute("a", event.clone())
            .await
            .expect_err("refused");
        let cqrs_core::ExecuteError::Store(error) = error else {
            panic!("{event:?}: {error:?}")
        };
        assert_eq!(error.kind(), StoreErrorKind::InvalidInput, "{event:?}");
    }
    assert_eq!(
        shapes.load("a").await.expect("reads").state,
        Shapes::default()
    );
}
