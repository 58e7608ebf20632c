//! What a view cannot store names its event, after everything before it is committed.

use cqrs_core::{
    DocumentKeys, Envelope, ReadModel, Runner, View, chain,
    read::{ErrorAction, RunnerError, RunnerErrorKind},
    role,
};
use cqrs_postgres::PgEventStore;

use crate::{
    roles::{Balances, Entry, open},
    support::fresh_store,
};

/// A document that is no number at the account `bad`.
struct Ratios;

impl View for Ratios {
    const NAME: &'static str = "ratios";
    type Events = Entry;
    type Document = f64;

    fn keys(&self, event: &Envelope<Entry>) -> DocumentKeys {
        event.id().into()
    }

    fn apply(&self, id: &str, _: Option<f64>, _: &Envelope<Entry>) -> Option<f64> {
        Some(if id == "bad" { f64::NAN } else { 0.5 })
    }
}

/// A key that no table can hold at the account `bad`.
struct Keys(&'static str);

impl View for Keys {
    const NAME: &'static str = "keys";
    type Events = Entry;
    type Document = u64;

    fn keys(&self, event: &Envelope<Entry>) -> DocumentKeys {
        match event.id() {
            "bad" => self.0.into(),
            id => id.into(),
        }
    }

    fn apply(&self, _: &str, count: Option<u64>, _: &Envelope<Entry>) -> Option<u64> {
        Some(count.unwrap_or_default() + 1)
    }
}

async fn store_with_a_bad_account() -> PgEventStore {
    let store = fresh_store().await;
    open(&store, "ann", 5).await;
    open(&store, "bad", 1).await;
    open(&store, "bob", 5).await;
    store
}

fn assert_named(outcome: Result<(), RunnerError>) {
    let error = outcome.expect_err("stops");
    let RunnerErrorKind::Poison { event, .. } = &error.kind else {
        panic!("{}", chain(&error));
    };
    assert!(event.to_string().contains("account-bad@1"), "{event}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_no_number_names_its_event() {
    let store = store_with_a_bad_account().await;
    let runner = Runner::over_log::<role::View>(&store, Ratios).expect("a view");
    let runner = runner.on_failure(|_| ErrorAction::Stop);
    assert_named(runner.catch_up().await);
    let ratios = ReadModel::<Ratios, _>::new(&store);
    assert_eq!(ratios.get("ann").await.expect("reads"), Some(0.5));
    assert_eq!(ratios.get("bob").await.expect("reads"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_stored_names_its_event() {
    let long: &'static str = "k".repeat(300_000).leak();
    for key in [long, "\0"] {
        let store = store_with_a_bad_account().await;
        let runner = Runner::over_log::<role::View>(&store, Keys(key)).expect("a view");
        let runner = runner.on_failure(|_| ErrorAction::Stop);
        assert_named(runner.catch_up().await);
        let keys = ReadModel::<Keys, _>::new(&store);
        assert_eq!(keys.get("ann").await.expect("reads"), Some(5));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_reset_before_its_first_run() {
    let store = store_with_a_bad_account().await;
    let balances = ReadModel::<Balances, _>::new(&store);
    assert_eq!(balances.get("ann").await.expect("reads"), None);
    balances.reset("rebuild").await.expect("resets");
    let runner = Runner::over_log::<role::View>(&store, Balances).expect("a view");
    runner.catch_up().await.expect("runs");
    assert_eq!(balances.get("ann").await.expect("reads"), Some(5));
}
