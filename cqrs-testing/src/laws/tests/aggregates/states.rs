//! Bugs in the state.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU32, Ordering},
};

use cqrs_core::{Aggregate, Context, Decision};
use serde::{Deserialize, Deserializer, Serialize};

use super::{
    purse::{PurseCommand, PurseEvent, TooLittle, after, any_command, decide, purse},
    *,
};

/// Counts events in a static variable.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Counting {
    cents: u32,
    last: u32,
}
static EVENTS: AtomicU32 = AtomicU32::new(0);
purse!(
    Counting,
    handle: |purse, command, _| decide(purse.cents, command),
    apply: |purse, event| {
        purse.cents = after(purse.cents, event);
        purse.last = EVENTS.fetch_add(1, Ordering::Relaxed);
    },
);

#[test]
fn a_static_counter_is_found() {
    let laws = AggregateLaws::<Counting>::new(any_command()).config(config());
    let text = broken(|| laws.a_replay_is_deterministic()).expect("it is broken");
    let lines: Vec<_> = text.lines().collect();
    let counter = |line: &str| line.split("last: ").next().map(str::to_owned);
    assert_eq!(lines[0], "broken law: a replay is deterministic");
    assert_eq!(
        lines[2],
        "two replays of the same events make states that differ (- expected, + actual):"
    );
    assert_eq!(
        lines[11..15]
            .iter()
            .map(|line| counter(line).expect("a line"))
            .collect::<Vec<_>>(),
        [
            "Spec::<Counting>::new()",
            "    .given([PurseEvent::Added { cents: 1 }])",
            "    .then_state(Counting { cents: 1, ",
            "",
        ]
    );
}

/// Gives everything back in the order of a hash map.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Scattered(HashMap<u32, u32>);
purse!(
    Scattered,
    handle: |purse, command, _| match command {
        PurseCommand::Add { .. } => decide(0, command),
        PurseCommand::Take { .. } => {
            Ok(purse.0.keys().map(|cents| PurseEvent::Taken { cents: *cents }).collect())
        }
    },
    apply: |purse, event| match event {
        PurseEvent::Added { cents } => drop(purse.0.insert(*cents, 1)),
        PurseEvent::Taken { cents } => drop(purse.0.remove(cents)),
    },
);

#[test]
fn the_order_of_a_hash_map_is_found() {
    let laws = AggregateLaws::<Scattered>::new(any_command()).config(config());
    let text = broken(|| laws.a_replay_is_deterministic()).expect("it is broken");
    let what = "decisions after two replays of the same events differ";
    assert!(text.contains(what), "{text}");
    let test = "
Spec::<Scattered>::new()
    .given([PurseEvent::Added { cents: 1 }, PurseEvent::Added { cents: 2 }])
    .when(PurseCommand::Take { cents: 1 })
    .then([PurseEvent::Taken { cents: ";
    let turned = test.replace(
        "cents: 1 }, PurseEvent::Added { cents: 2",
        "cents: 2 }, PurseEvent::Added { cents: 1",
    );
    assert!(text.contains(test) || text.contains(&turned), "{text}");
}

/// A field that counts is not in the snapshot.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Skipping {
    cents: u32,
    #[serde(skip)]
    events: u32,
}
purse!(
    Skipping,
    handle: |purse, command, _| decide(purse.cents, command),
    apply: |purse, event| {
        purse.cents = after(purse.cents, event);
        purse.events += 1;
    },
);

#[test]
fn a_skipped_field_of_a_state_is_found() {
    assert_eq!(
        broken_laws_of!(Skipping),
        ["a_snapshot_at_any_cut_is_transparent"]
    );
    let laws = AggregateLaws::<Skipping>::new(any_command()).config(config());
    let text = broken(|| laws.a_snapshot_at_any_cut_is_transparent()).expect("it is broken");
    assert_eq!(
        text,
        "broken law: a snapshot at any cut is transparent

the states without and with a snapshot differ (- expected, + actual):
    Skipping {
        cents: 1,
  -     events: 1,
  +     events: 0,
    }

this test fails until the law holds:

Spec::<Skipping>::new()
    .given([PurseEvent::Added { cents: 1 }])
    .snapshot()
    .then_state(Skipping { cents: 1, events: 1 });

PROPTEST_RNG_SEED=1 repeats this run
"
    );
    failure(|| {
        Spec::<Skipping>::new()
            .given([PurseEvent::Added { cents: 1 }])
            .snapshot()
            .then_state(Skipping {
                cents: 1,
                events: 1,
            });
    });
}

/// A state that cannot be written as JSON.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Paired(HashMap<(u32, u32), u32>);
purse!(
    Paired,
    handle: |_, command, _| decide(0, command),
    apply: |purse, event| {
        purse.0.insert((after(0, event), 0), 1);
    },
);

#[test]
fn a_state_that_is_not_json_is_found() {
    let laws = AggregateLaws::<Paired>::new(any_command()).config(config());
    let text = broken(|| laws.a_snapshot_at_any_cut_is_transparent()).expect("it is broken");
    let test = "the state cannot be written as JSON: key must be a string

this test fails until the law holds:

Spec::<Paired>::new()
    .given([PurseEvent::Added { cents: 1 }])
    .snapshot()
    .then_state(Paired([((1, 0), 1)].into()));
";
    assert!(text.contains(test), "{text}");
}

/// Asks serde for another type each time.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Shapeless(u32);
impl<'de> Deserialize<'de> for Shapeless {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        static READS: AtomicU32 = AtomicU32::new(0);
        match READS.fetch_add(1, Ordering::Relaxed) % 2 {
            0 => u32::deserialize(deserializer).map(Self),
            _ => u16::deserialize(deserializer).map(|cents| Self(cents.into())),
        }
    }
}
purse!(
    Shapeless,
    handle: |purse, command, _| decide(purse.0, command),
    apply: |purse, event| purse.0 = after(purse.0, event),
);

#[test]
fn a_shape_that_changes_is_found() {
    let laws = AggregateLaws::<Shapeless>::new(any_command()).config(config());
    assert_eq!(
        broken(|| laws.a_snapshot_at_any_cut_is_transparent()).as_deref(),
        Some(
            "broken law: a snapshot at any cut is transparent\n\nthe fingerprint of the state's shape changes"
        )
    );
}
