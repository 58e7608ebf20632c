//! What may be found where a snapshot should be.

use proptest::{prelude::*, sample::Index};

use super::{
    tally::{Ask, Tally},
    world::World,
};
use crate::{
    model::{EventId, StreamId, Version},
    ports::Snapshot,
    write::repository::snapshotting::checksum,
};

/// A change to what is stored. Sealed: with a checksum that fits what it has become.
#[derive(Debug, Clone)]
pub(super) enum Spoil {
    /// The end of the payload is missing.
    Cut(Index),
    /// A bit of the payload is another.
    Flip(Index),
    /// It says that it is of another version.
    Version { version: u64, sealed: bool },
    /// It says that it stands on an event that the stream does not have.
    LastEvent { sealed: bool },
    /// It says that it is of another event of the stream, which is where it says.
    Moved(Index),
    /// It is of another shape, or of another version of the code.
    Fingerprint(u64),
    /// It is no JSON, or JSON of something else.
    Garbage { payload: &'static str, sealed: bool },
    /// It is a state, but of nothing that ever happened.
    State(u64),
    /// It is right, but an earlier one.
    Older(Index),
    /// It is that of another stream.
    OtherStream(u32),
}

impl Spoil {
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

/// Changes the snapshot that the store holds, if it holds one.
pub(super) async fn spoil(world: &mut World, how: Spoil) {
    if let Spoil::OtherStream(number) = how {
        return take_that_of_another_stream(world, number).await;
    }
    let Some(mut snapshot) = world.store.snapshot(&world.stream) else {
        return;
    };
    let mut payload = snapshot.payload.to_vec();
    let sealed = match how {
        Spoil::Cut(at) => {
            payload.truncate(at.index(payload.len().max(1)));
            false
        }
        Spoil::Flip(_) if payload.is_empty() => return,
        Spoil::Flip(at) => {
            let bit = at.index(payload.len() * 8);
            payload[bit / 8] ^= 1 << (bit % 8);
            false
        }
        Spoil::Version { version, sealed } => {
            snapshot.version = Version::new(version);
            sealed
        }
        Spoil::LastEvent { sealed } => {
            snapshot.last_event = EventId::random();
            sealed
        }
        Spoil::Moved(to) => {
            let recorded = world.recorded().await;
            if recorded.is_empty() {
                return;
            }
            let event = to.get(&recorded);
            (snapshot.version, snapshot.last_event) = (event.version, event.id);
            false
        }
        Spoil::Fingerprint(fingerprint) => {
            snapshot.fingerprint = fingerprint;
            true
        }
        Spoil::Garbage {
            payload: garbage,
            sealed,
        } => {
            payload = garbage.into();
            sealed
        }
        Spoil::State(sum) => {
            let events = snapshot.version.get();
            payload = serde_json::to_vec(&Tally { sum, events }).expect("JSON");
            false
        }
        Spoil::Older(index) if !world.snapshots.is_empty() => {
            let older = index.get(&world.snapshots).clone();
            return world.store.put_snapshot(&world.stream, older);
        }
        Spoil::Older(_) | Spoil::OtherStream(_) => return,
    };
    snapshot.payload = payload.into();
    put(world, snapshot, sealed);
}

async fn take_that_of_another_stream(world: &mut World, number: u32) {
    let other = StreamId::new(world.stream.category().clone(), "two").expect("valid");
    let tallies = &world.repositories[1];
    for number in [number, 1] {
        let asked = tallies.execute("two", Ask::Add(number)).await;
        asked.expect("executes");
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
