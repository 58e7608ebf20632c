//! What four read models cost while nothing happens.

use std::time::Duration;

use serde_json::json;

use super::models::Following;
use crate::{Outcome, database::Database, measure::per_second, report::Figure};

const TIME: Duration = Duration::from_secs(10);

pub(super) async fn run(partitions: u16) -> Outcome<()> {
    let database = Database::from_env("follow")?;
    let measured = measure(&database, partitions).await;
    database.drop_after(measured).await
}

/// The round trips a second of one process with four read models over an empty log.
async fn measure(database: &Database, partitions: u16) -> Outcome<()> {
    let (store, trips) = database.counted_store().await?;
    let following = Following::begin(&store, partitions)?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = trips.count().waited_for;
    tokio::time::sleep(TIME).await;
    let after = trips.count().waited_for;
    following.end().await?;
    Figure {
        scenario: "follow",
        parameters: json!({ "idle": true, "read models": 4, "partitions": partitions }),
        unit: "round trips/s of an idle process",
        value: json!(per_second(after - before, TIME)),
        notes: database.notes().await?,
    }
    .print();
    Ok(())
}
