//! Views and reactors on older events.

use cqrs_core::{
    Aggregate, CommandStore, Context, Decision, DocumentKeys, Envelope, Event, Reactor, ReadModel,
    Runner, Store, StoreErrorKind, To, View, chain, events, model::Upcaster, read::ErrorAction,
    role, roles::OnRejected,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::account::{Account, AccountEvent, DepositEvent, of_five_versions, store_events, stored};

events! {
    /// Everything that moves money.
    enum MoneyEvent { Deposits(DepositEvent) }
}

/// The sum of the deposits, with the parts that they were.
struct Sums;

impl View for Sums {
    const NAME: &'static str = "sums";
    type Events = MoneyEvent;
    type Document = (u64, Vec<u32>);

    fn keys(&self, event: &Envelope<MoneyEvent>) -> DocumentKeys {
        event.id().into()
    }

    fn apply(
        &self,
        _: &str,
        sum: Option<Self::Document>,
        event: &Envelope<MoneyEvent>,
    ) -> Option<Self::Document> {
        let MoneyEvent::Deposits(DepositEvent::Deposited { amount }) = &event.event;
        let (sum, mut parts) = sum.unwrap_or_default();
        parts.push(event.part);
        Some((sum + amount, parts))
    }
}

/// Detects filters that leave out the older types, and readers that take only the first part.
pub async fn a_partial_view_reads_what_becomes_its_own<S: Store>(store: S) {
    store_events(&store, "ann", of_five_versions()).await;
    for batch in [1, 2, 100] {
        let sums = ReadModel::<Sums, _>::new(&store);
        sums.reset("rebuild").await.expect("resets");
        let runner = Runner::over_log::<role::View>(&store, Sums).expect("a view");
        runner.batch_size(batch).catch_up().await.expect("runs");
        let sum = sums.get("ann").await.expect("reads");
        assert_eq!(
            sum,
            Some((1_600, vec![1, 0, 0, 0, 0, 0])),
            "batches of {batch}"
        );
    }
}

/// Passes each deposit on to the same account, which has older events itself.
struct Doubles;

impl Reactor for Doubles {
    const NAME: &'static str = "doubles";
    type Events = AccountEvent;
    type Commands = To<Account>;

    fn react(&self, event: &Envelope<AccountEvent>) -> Vec<To<Account>> {
        match &event.event {
            AccountEvent::Deposited { amount, by, .. } if by == "unknown" => {
                vec![To::new(event.id(), *amount)]
            }
            _ => Vec::new(),
        }
    }

    fn rejected(
        &self,
        _: &Envelope<AccountEvent>,
        _: &cqrs_core::Rejection,
    ) -> OnRejected<To<Account>> {
        OnRejected::Fail
    }
}

/// Detects reactors that react to the first part only, and targets whose older events are read differently.
pub async fn a_reactor_gets_every_part<S: Store>(store: S) {
    store_events(&store, "ann", of_five_versions()).await;
    let runner = Runner::over_log::<role::Reactor>(&store, Doubles).expect("a reactor");
    runner.batch_size(1).catch_up().await.expect("runs");
    let loaded = store
        .repository::<Account>()
        .load("ann")
        .await
        .expect("loads");
    assert_eq!(loaded.state.cents, 1_600 + 100 + 100 + 200 + 300 + 400);
    assert_eq!(loaded.version.get(), 7 + 5);
}

/// Its only step panics.
#[derive(Debug, Serialize, Deserialize)]
enum BrokenEvent {
    Opened {},
}

impl Event for BrokenEvent {
    const CATEGORY: &'static str = "account";
    const UPCASTERS: &'static [Upcaster] =
        &[Upcaster::json("Opened", 1, |_| panic!("no owner is left"))];
}

#[derive(Debug, Default)]
struct Broken;

impl Aggregate for Broken {
    type Command = ();
    type Event = BrokenEvent;
    type Error = std::convert::Infallible;

    fn handle(&self, (): (), _: &Context) -> Decision<Self> {
        Ok(Vec::new())
    }

    fn apply(&mut self, _: BrokenEvent) {}
}

impl View for Broken {
    const NAME: &'static str = "broken";
    type Events = BrokenEvent;
    type Document = ();

    fn keys(&self, event: &Envelope<BrokenEvent>) -> DocumentKeys {
        event.id().into()
    }

    fn apply(&self, _: &str, _: Option<()>, _: &Envelope<BrokenEvent>) -> Option<()> {
        Some(())
    }
}

/// The error names the event, its type and its schema version. A runner that does not park it stops in front of it.
pub async fn an_upcaster_that_panics_is_an_error_of_every_reader<S: Store>(store: S) {
    store_events(&store, "ann", vec![stored("Opened", 1, &json!({}))]).await;
    let error = store.repository::<Broken>().load("ann").await;
    let error = error.expect_err("panics");
    assert_eq!(error.kind(), StoreErrorKind::Undecodable);
    let runner = Runner::over_log::<role::View>(&store, Broken).expect("a view");
    let runner = runner.on_failure(|_| ErrorAction::Stop);
    let stopped = runner.run(std::future::pending()).await;
    let stopped = chain(&stopped.expect_err("stops")).to_string();
    for message in [chain(&error).to_string(), stopped] {
        for part in [
            "account-ann@1 (Opened)",
            "the upcaster of event type `Opened` from schema version 1",
            "it panicked: no owner is left",
        ] {
            assert!(message.contains(part), "{message}");
        }
    }
}
