//! How often a lone command asks the server and waits: what is promised of it.

use cqrs_core::Repository;
use serde_json::{Value, json};

use super::new_id;
use crate::{Outcome, database::Database, domain::Account, report::Fact};

/// After so many commands every connection of the pool is open and has its statements.
const BEFORE: u32 = 200;
const COUNTED: u32 = 100;

pub(super) async fn print(database: &Database, notes: &Value) -> Outcome<()> {
    let (store, trips) = database.watched_store().await?;
    let known = Repository::<Account, _>::new(store.clone());
    let id = new_id();
    for _ in 0..BEFORE {
        known.execute(&id, 1).await?;
    }
    let before = trips.so_far();
    for _ in 0..COUNTED {
        known.execute(&id, 1).await?;
    }
    fact("warm", before, trips.so_far(), notes).print();

    let unknown = Repository::<Account, _>::new(store).cache(0);
    for _ in 0..BEFORE {
        unknown.execute(&id, 1).await?;
    }
    let before = trips.so_far();
    for _ in 0..COUNTED {
        unknown.execute(&id, 1).await?;
    }
    fact("cold", before, trips.so_far(), notes).print();
    Ok(())
}

fn fact(states: &str, before: (u64, u64), after: (u64, u64), notes: &Value) -> Fact {
    let each = |count: u64| count as f64 / f64::from(COUNTED);
    Fact {
        scenario: "append",
        parameters: json!({ "call": "execute", "states": states, "writers": 1, "events": 1 }),
        unit: "round trips a call",
        value: json!({ "waited_for": each(after.0 - before.0), "pings_of_the_pool": each(after.1 - before.1) }),
        notes: notes.clone(),
    }
}
