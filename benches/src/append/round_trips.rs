//! Counts the round trips of a single command.

use cqrs_core::CommandStore;
use serde_json::{Value, json};

use super::new_id;
use crate::{
    Outcome,
    database::{Database, TripCounts},
    domain::Account,
    report::Figure,
};

/// After this many commands every connection of the pool is open and has its prepared statements.
const WARM_UP: u32 = 200;
const COUNTED: u32 = 100;

pub(super) async fn print(database: &Database, notes: &Value) -> Outcome<()> {
    let (store, trips) = database.counted_store().await?;
    let warm = store.repository::<Account>();
    let id = new_id();
    for _ in 0..WARM_UP {
        warm.execute(&id, 1).await?;
    }
    let before = trips.count();
    for _ in 0..COUNTED {
        warm.execute(&id, 1).await?;
    }
    figure("warm", before, trips.count(), notes).print();

    let cold = store.repository::<Account>().cache(0);
    for _ in 0..WARM_UP {
        cold.execute(&id, 1).await?;
    }
    let before = trips.count();
    for _ in 0..COUNTED {
        cold.execute(&id, 1).await?;
    }
    figure("cold", before, trips.count(), notes).print();
    Ok(())
}

fn figure(states: &str, before: TripCounts, after: TripCounts, notes: &Value) -> Figure {
    let each = |count: u64| count as f64 / f64::from(COUNTED);
    Figure {
        scenario: "append",
        parameters: json!({ "call": "execute", "states": states, "writers": 1, "events": 1 }),
        unit: "round trips a call",
        value: json!({ "waited_for": each(after.waited_for - before.waited_for), "pings_of_the_pool": each(after.pings - before.pings) }),
        notes: notes.clone(),
    }
}
