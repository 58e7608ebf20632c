//! Events that newer code has written.

use std::time::Duration;

use cqrs_core::{
    CommandStore, DocumentKeys, Envelope, Event, ExecuteError, ReadModel, Runner, SnapshotPolicy,
    Store, StoreErrorKind, To, View, model::Upcaster, ports::Snapshots, role, run_loop::Phase,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::account::{Account, AccountEvent, of_five_versions, store_events, stored};

fn newer() -> cqrs_core::model::NewEvent {
    let payload = json!({ "amount": 1, "currency": "EUR", "by": "ann", "iban": "A1" });
    stored("Deposited", 6, &payload)
}

/// A command on the aggregate fails, whatever its state comes from. Nothing is written.
pub async fn a_command_fails_on_a_newer_event<S: Snapshots>(store: S) {
    let accounts = store.repository::<Account>();
    let snapshots = accounts
        .clone()
        .cache(0)
        .snapshots(SnapshotPolicy::on_demand());
    store_events(&store, "ann", of_five_versions()).await;
    accounts.execute("ann", 1).await.expect("executes");
    snapshots.take_snapshot("ann").await.expect("takes one");
    store_events(&store, "ann", vec![newer()]).await;
    for accounts in [&accounts, &snapshots, &store.repository::<Account>()] {
        let failed = accounts.execute("ann", 1).await.expect_err("is newer");
        assert!(
            matches!(&failed, ExecuteError::Store(error) if error.kind() == StoreErrorKind::NewerEvent),
            "{failed:?}"
        );
    }
    let failed = store.execute_all([To::<Account>::new("ann", 1)]).await;
    let failed = failed.expect_err("is newer");
    let ExecuteError::Store(error) = &failed else {
        panic!("an error of the store was expected, not {failed:?}");
    };
    let message = cqrs_core::chain(error).to_string();
    for part in [
        "account-ann@9 (Deposited)",
        "schema version 6",
        "knows up to 5",
    ] {
        assert!(message.contains(part), "{message}");
    }
    let unread = accounts.load("ann").await.expect_err("is newer");
    assert_eq!(unread.kind(), StoreErrorKind::NewerEvent, "{unread}");
    assert!(!unread.is_retryable());
    let stream = cqrs_core::StreamId::of::<AccountEvent>("ann").expect("a valid id");
    assert_eq!(
        super::super::fixture::versions(&store, &stream).await.len(),
        9
    );
}

/// All deposits. The newer release of it knows their newest schema version.
struct Deposits<E>(std::marker::PhantomData<fn() -> E>);

impl<E> Deposits<E> {
    fn new() -> Self {
        Self(std::marker::PhantomData)
    }
}

trait Amount: Event {
    fn amount(&self) -> Option<u64>;
}

impl Amount for AccountEvent {
    fn amount(&self) -> Option<u64> {
        match self {
            Self::Deposited { amount, .. } => Some(*amount),
            Self::Opened { .. } => None,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
enum NewerEvent {
    Opened { owner: String },
    Deposited { amount: u64, iban: String },
}

impl Event for NewerEvent {
    const CATEGORY: &'static str = "account";
    const UPCASTERS: &'static [Upcaster] = &{
        let mut steps = [Upcaster::dropped("Pinged", 1); 8];
        let mut n = 0;
        while n < 7 {
            steps[n] = AccountEvent::UPCASTERS[n];
            n += 1;
        }
        steps[7] = Upcaster::json("Deposited", 5, |payload| payload["iban"] = "none".into());
        steps
    };
}

impl Amount for NewerEvent {
    fn amount(&self) -> Option<u64> {
        match self {
            Self::Deposited { amount, .. } => Some(*amount),
            Self::Opened { .. } => None,
        }
    }
}

impl<E: Amount> View for Deposits<E> {
    const NAME: &'static str = "deposits";
    type Events = E;
    type Document = Vec<u64>;

    fn keys(&self, event: &Envelope<E>) -> DocumentKeys {
        event.id().into()
    }

    fn apply(&self, _: &str, deposits: Option<Vec<u64>>, event: &Envelope<E>) -> Option<Vec<u64>> {
        let mut deposits = deposits.unwrap_or_default();
        deposits.extend(event.event.amount());
        Some(deposits)
    }
}

/// A runner of older code commits what is before a newer event, then waits: it neither stops nor skips. Newer code continues.
pub async fn a_runner_waits_until_newer_code_continues<S: Store>(store: S) {
    store_events(&store, "ann", of_five_versions()).await;
    store_events(&store, "ann", vec![newer()]).await;
    store_events(&store, "bob", of_five_versions()).await;
    let before = vec![100, 100, 200, 300, 400, 500];
    let deposits = ReadModel::<Deposits<AccountEvent>, _>::new(&store);

    let older = Deposits::<AccountEvent>::new();
    let runner = Runner::over_log::<role::View>(&store, older).expect("a view");
    let progress = runner.progress();
    let waits = || {
        let partitions = progress.partitions();
        partitions.values().map(|it| it.newer_events).sum::<u64>()
    };
    let waited_twice = async {
        while waits() < 2 {
            assert_ne!(progress.phase(), Phase::CaughtUp, "it does not skip");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(matches!(progress.phase(), Phase::Retrying { .. }));
    };
    let run = runner.run(waited_twice).await;
    run.expect("it waits until it is stopped");
    let error = progress.last_error().expect("an error");
    assert!(
        error.contains("schema version 6 of event type `Deposited`"),
        "{error}"
    );
    assert_eq!(
        deposits.get("ann").await.expect("reads"),
        Some(before.clone())
    );
    assert_eq!(deposits.get("bob").await.expect("reads"), None);

    let newer = Deposits::<NewerEvent>::new();
    let runner = Runner::over_log::<role::View>(&store, newer).expect("a view");
    runner.catch_up().await.expect("runs");
    let with_the_newer = Vec::from_iter(before.iter().copied().chain([1]));
    assert_eq!(
        deposits.get("ann").await.expect("reads"),
        Some(with_the_newer)
    );
    assert_eq!(deposits.get("bob").await.expect("reads"), Some(before));
}
