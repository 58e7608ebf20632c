//! Commands on older events.

use cqrs_core::{
    Aggregate, CommandStore, Context, Decision, Event, SnapshotPolicy, StreamId, To, Version,
    model::Upcaster, ports::Snapshots,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::account::{
    Account, AccountEvent, account_of_five_versions, of_five_versions, store_events, stored,
};

fn deposited(amount: u64, before: u64) -> AccountEvent {
    AccountEvent::Deposited {
        amount,
        currency: "EUR".into(),
        by: format!("after {before}"),
    }
}

/// A state from a replay, a cache, a snapshot and in `execute_all`, and the first result under a key. What is written has the
/// newest schema version.
pub async fn commands_see_older_events_as_the_newest<S: Snapshots>(store: S) {
    store_events(&store, "ann", of_five_versions()).await;
    let accounts = store.repository::<Account>();
    let snapshots = || {
        accounts
            .clone()
            .cache(0)
            .snapshots(SnapshotPolicy::on_demand())
    };
    let loaded = accounts.load("ann").await.expect("loads");
    assert_eq!(loaded.state, account_of_five_versions());
    snapshots().take_snapshot("ann").await.expect("takes one");

    let deposit = || accounts.execute("ann", 10).idempotency_key("k");
    let first = deposit().await.expect("executes");
    assert_eq!(first.events, [deposited(10, 1_600)]);
    // The cached state, then the snapshot, read two more older events each.
    for (accounts, before) in [(accounts.clone(), 1_610), (snapshots(), 2_020)] {
        let opened = stored("Opened", 1, &json!({ "owner": "bob", "euros": 1 }));
        let deposited_v2 = stored("Deposited", 2, &json!({ "cents": 300 }));
        store_events(&store, "ann", vec![opened, deposited_v2]).await;
        let done = accounts.execute("ann", 10).await.expect("executes");
        assert_eq!(done.events, [deposited(10, before + 400)]);
    }
    let repeat = deposit().await.expect("is a repeat");
    assert!(repeat.repeated);
    assert_eq!(repeat.events, first.events);

    let both = [To::<Account>::new("ann", 1), To::new("new", 1)];
    store.execute_all(both).await.expect("executes");
    let stream = StreamId::of::<AccountEvent>("ann").expect("a valid id");
    let last = store.read_stream(&stream, Version::new(14)).await;
    let last = last.expect("reads").remove(0);
    assert_eq!(last.schema_version, 5);
    let payload = json!({ "amount": 1, "currency": "EUR", "by": "after 2430" });
    let written: serde_json::Value = serde_json::from_slice(&last.payload).expect("JSON");
    assert_eq!(written, payload);
}

/// Detects versions that count calls of `apply`: an event may be applied twice, or not at all.
pub async fn versions_count_stored_events<S: Snapshots>(store: S) {
    let split = || stored("Opened", 1, &json!({ "owner": "ann", "euros": 1 }));
    let dropped = || stored("Pinged", 1, &json!(null));
    for (id, events, applied) in [
        ("split", vec![split()], 2),
        ("dropped", vec![split(), dropped()], 2),
        ("only dropped", vec![dropped()], 0),
    ] {
        let version = events.len() as u64;
        store_events(&store, id, events).await;
        for cache in [0, 10] {
            let accounts = store.repository::<Account>().cache(cache);
            let accounts = accounts.snapshots(SnapshotPolicy::every(1));
            let before = accounts.load(id).await.expect("loads");
            let added = if cache == 0 { 0 } else { 2 };
            assert_eq!(before.version.get(), version + added, "{id}");
            assert_eq!(before.state.applied, applied + added, "{id}");
            for n in 1..=2 {
                let done = accounts.execute(id, 1).await.expect("executes");
                assert_eq!(done.version.get(), version + added + n, "{id}");
            }
        }
    }
}

/// Detects snapshots that are believed after the way their events are read has changed.
pub async fn a_new_step_makes_older_snapshots_invalid<S: Snapshots>(store: S) {
    let policy = SnapshotPolicy::on_demand();
    let before = store.repository::<Purse<Cents>>().snapshots(policy);
    before.execute("ann", 7).await.expect("executes");
    before.take_snapshot("ann").await.expect("takes one");
    let after = store.repository::<Purse<Halves>>().snapshots(policy);
    assert_eq!(after.load("ann").await.expect("loads").state.sum, 14);
    after.take_snapshot("ann").await.expect("takes one");
    let done = after.execute("ann", 1).await.expect("executes");
    assert_eq!(done.version.get(), 2);
    assert_eq!(after.load("ann").await.expect("loads").state.sum, 15);
}

/// The events before and after a release that doubles the unit.
#[derive(Debug, Serialize, Deserialize)]
enum Cents {
    Paid { amount: u64 },
}
impl Event for Cents {
    const CATEGORY: &'static str = "purse";
}

#[derive(Debug, Serialize, Deserialize)]
enum Halves {
    Paid { amount: u64 },
}
impl Event for Halves {
    const CATEGORY: &'static str = "purse";
    const UPCASTERS: &'static [Upcaster] = &[Upcaster::json("Paid", 1, |payload| {
        payload["amount"] = (payload["amount"].as_u64().unwrap_or(0) * 2).into();
    })];
}

trait Paid: Event {
    fn paid(amount: u64) -> Self;
    fn amount(&self) -> u64;
}
impl Paid for Cents {
    fn paid(amount: u64) -> Self {
        Self::Paid { amount }
    }
    fn amount(&self) -> u64 {
        let Self::Paid { amount } = self;
        *amount
    }
}
impl Paid for Halves {
    fn paid(amount: u64) -> Self {
        Self::Paid { amount }
    }
    fn amount(&self) -> u64 {
        let Self::Paid { amount } = self;
        *amount
    }
}

/// One state type for both, so that its shape does not tell them apart.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound = "")]
struct Purse<E> {
    sum: u64,
    #[serde(skip)]
    events: std::marker::PhantomData<fn() -> E>,
}
impl<E> Default for Purse<E> {
    fn default() -> Self {
        Self {
            sum: 0,
            events: std::marker::PhantomData,
        }
    }
}
impl<E: Paid> Aggregate for Purse<E> {
    type Command = u64;
    type Event = E;
    type Error = std::convert::Infallible;

    fn handle(&self, amount: u64, _: &Context) -> Decision<Self> {
        Ok(vec![E::paid(amount)])
    }

    fn apply(&mut self, event: E) {
        self.sum += event.amount();
    }
}
