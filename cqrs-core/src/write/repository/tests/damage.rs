//! Damaged and misleading snapshots.

use proptest::{prelude::*, sample::Index};

use super::{
    tally::{Tally, TallyCommand},
    world::World,
};
use crate::{
    model::{EventId, StreamId, Version},
    ports::Snapshot,
    write::repository::snapshotting::checksum,
};

/// A change to the stored snapshot. `sealed`: with a checksum that matches the changed snapshot.
#[derive(Debug, Clone)]
pub(super) enum Damage {
    /// The payload is truncated.
    Cut(Index),
    /// One bit of the payload is flipped.
    Flip(Index),
    /// The snapshot names another version.
    Version { version: u64, sealed: bool },
    /// The snapshot names a last event that the stream does not have.
    LastEvent { sealed: bool },
    /// The snapshot names another event of the stream, at that event's version.
    Moved(Index),
    /// The snapshot is from another shape or another version of the state.
    Fingerprint(u64),
    /// The payload is not JSON, or JSON of another type.
    Garbage { payload: &'static str, sealed: bool },
    /// The payload is a state that never existed.
    State(u64),
    /// The snapshot is an earlier one.
    Older(Index),
    /// The snapshot is from another stream.
    OtherStream(u32),
}

impl Damage {
    pub(super) fn any() -> impl Strategy<Value = Self> {
        let sealed = any::<bool>;
        let version = prop_oneof![0_u64..12, Just(u64::MAX), any::<u64>()];
        let garbage = prop_oneof![
            Just(""),
            Just("{"),
            Just("null"),
            Just("{}"),
            Just(r#"{"sum":0}"#)
        ];
        prop_oneof![
            any::<Index>().prop_map(Self::Cut),
            any::<Index>().prop_map(Self::Flip),
            (version, sealed()).prop_map(|(version, sealed)| Self::Version { version, sealed }),
            sealed().prop_map(|sealed| Self::LastEvent { sealed }),
            any::<Index>().prop_map(Self::Moved),
            any::<u64>().prop_map(Self::Fingerprint),
            (garbage, sealed()).prop_map(|(payload, sealed)| Self::Garbage { payload, sealed }),
            any::<u64>().prop_map(Self::State),
            any::<Index>().prop_map(Self::Older),
            any::<u32>().prop_map(Self::OtherStream),
        ]
    }
}

/// Changes the stored snapshot, if there is one.
pub(super) async fn damage(world: &mut World, how: Damage) {
    if let Damage::OtherStream(number) = how {
        return copy_from_another_stream(world, number).await;
    }
    let Some(mut snapshot) = world.store.snapshot(&world.stream) else {
        return;
    };
    // A checksum that was broken stays broken: who mends it can forge a snapshot that nothing can tell from a true one.
    let intact = snapshot.checksum == checksum(&snapshot);
    let mut payload = snapshot.payload.to_vec();
    let sealed = match how {
        Damage::Cut(at) => {
            payload.truncate(at.index(payload.len().max(1)));
            false
        }
        Damage::Flip(_) if payload.is_empty() => return,
        Damage::Flip(at) => {
            let bit = at.index(payload.len() * 8);
            payload[bit / 8] ^= 1 << (bit % 8);
            false
        }
        Damage::Version { version, sealed } => {
            snapshot.version = Version::new(version);
            sealed
        }
        Damage::LastEvent { sealed } => {
            snapshot.last_event = EventId::random();
            sealed
        }
        Damage::Moved(to) => {
            let recorded = world.recorded().await;
            if recorded.is_empty() {
                return;
            }
            let event = to.get(&recorded);
            (snapshot.version, snapshot.last_event) = (event.version, event.id);
            false
        }
        Damage::Fingerprint(fingerprint) => {
            snapshot.fingerprint = fingerprint;
            true
        }
        Damage::Garbage {
            payload: garbage,
            sealed,
        } => {
            payload = garbage.into();
            sealed
        }
        Damage::State(sum) => {
            let events = snapshot.version.get();
            payload = serde_json::to_vec(&Tally { sum, events }).expect("JSON");
            false
        }
        Damage::Older(index) if !world.snapshots.is_empty() => {
            let older = index.get(&world.snapshots).clone();
            return world.store.put_snapshot(&world.stream, older);
        }
        Damage::Older(_) | Damage::OtherStream(_) => return,
    };
    snapshot.payload = payload.into();
    put(world, snapshot, sealed && intact);
}

async fn copy_from_another_stream(world: &mut World, number: u32) {
    let other = StreamId::new(world.stream.category().clone(), "two").expect("valid");
    let tallies = &world.repositories[1];
    for number in [number, 1] {
        let executed = tallies.execute("two", TallyCommand::Add(number)).await;
        executed.expect("executes");
    }
    tallies.take_snapshot("two").await.expect("takes one");
    let theirs = world.store.snapshot(&other).expect("was just taken");
    let stream = world.stream.clone();
    put(world, Snapshot { stream, ..theirs }, true);
}

fn put(world: &World, mut snapshot: Snapshot, sealed: bool) {
    if sealed {
        snapshot.checksum = checksum(&snapshot);
    }
    world.store.put_snapshot(&world.stream, snapshot);
}
