//! A reset of a view beside the start of its runner.

use cqrs_core::{
    DocumentKeys, Envelope, Event, EventStore, ExpectedVersion, ReadModel, Runner, View,
    model::{PartitionId, Slices},
    ports::{Append, Checkpoints, Documents, UnitOfWork},
    role,
};
use cqrs_postgres::PgEventStore;
use serde::{Deserialize, Serialize};

use crate::support::{fresh_store, number, until};

#[derive(Debug, Serialize, Deserialize)]
enum MealEvent {
    Ordered,
}

impl Event for MealEvent {
    const CATEGORY: &'static str = "meal";
}

struct Meals;

impl View for Meals {
    const NAME: &'static str = "meals";
    type Events = MealEvent;
    type Document = u64;

    fn keys(&self, _: &Envelope<MealEvent>) -> DocumentKeys {
        "all".into()
    }

    fn apply(&self, _: &str, count: Option<u64>, _: &Envelope<MealEvent>) -> Option<u64> {
        Some(count.unwrap_or_default() + 1)
    }
}

/// Whether a claim of the view waits for a lock.
async fn a_claim_waits(store: &PgEventStore) -> bool {
    let waiting = "select count(*) from __schema__.name_lock('claims', 'meals') as lock, pg_locks l \
                   where not l.granted and l.locktype = 'advisory' and l.objsubid = 2 \
                   and l.classid = lock.high::oid and l.objid = lock.low::oid";
    number(store, waiting).await > 0
}

/// The reset has begun and found no checkpoint, because nobody has claimed the log yet. Then the runner starts, and the reset removes
/// the documents.
#[tokio::test(flavor = "multi_thread")]
async fn a_reset_beside_the_first_claim_removes_nothing_of_its_batches() {
    let store = fresh_store().await;
    let events = [const { MealEvent::Ordered }; 20];
    let append = Append::of("one", ExpectedVersion::Any, &events).expect("valid");
    store.append(append).await.expect("appends");
    store.prepare_view(Meals::NAME).await.expect("prepares");

    let mut reset = store.begin().await.expect("begins");
    let begun = store.reset_in(&mut reset, Meals::NAME, "again").await;
    begun.expect("resets");
    let runner = Runner::over_log::<role::View>(&store, Meals).expect("a view");
    let running = tokio::spawn(runner.catch_up());
    let log = PartitionId::Log(Slices::ALL);
    until("the runner waits, or has handled all events", async || {
        let at = store.checkpoint(Meals::NAME, &log).await.expect("reads");
        at.is_some() || a_claim_waits(&store).await
    })
    .await;
    let cleared = store.clear_in(&mut reset, Meals::NAME).await;
    cleared.expect("clears");
    store.commit(reset).await.expect("commits");

    running.await.expect("no panic").expect("catches up");
    let meals = ReadModel::<Meals, _>::new(&store);
    assert_eq!(meals.get("all").await.expect("reads"), Some(20));
}
