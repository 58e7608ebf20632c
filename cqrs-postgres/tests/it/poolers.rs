//! A real PgBouncer in front of the server: session mode works, and what cannot work is refused by name.

use std::{path::PathBuf, process::Command};

use cqrs_core::{EventStore, Position, ReadModel, Runner, StoreErrorKind, Version, chain, role};
use cqrs_postgres::{PgConfig, PgEventStore};

use crate::{
    roles::{Balances, open},
    support::{fresh_schema, stream, url},
};

/// On drop it is stopped and its folder removed.
struct Pooler {
    state: PathBuf,
    url: String,
}

fn script() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../scripts/services")
}

impl Pooler {
    fn start(mode: &str) -> Self {
        let state = std::env::temp_dir().join(format!("cqrs-pooler-{}", fresh_schema()));
        let output = Command::new(script())
            .args(["pooler", mode])
            .env("CQRS_SERVICES_DIR", &state)
            .env("DATABASE_URL", url())
            .output()
            .expect("runs the script");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
        let settings = String::from_utf8_lossy(&output.stdout).into_owned();
        let (_, url) = settings.split_once('\'').expect("a URL");
        let url = url.trim_end().trim_end_matches('\'').to_owned();
        Self { state, url }
    }

    fn config(&self) -> PgConfig {
        PgConfig::new(&self.url).schema(fresh_schema())
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        // Errors here are ignored: a failed test has already reported more.
        let _ = Command::new(script())
            .args(["down", "--postgres-only"])
            .env("CQRS_SERVICES_DIR", &self.state)
            .output();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_works_through_a_pooler_in_session_mode() {
    let pooler = Pooler::start("session");
    let config = pooler.config();
    PgEventStore::install(&config).await.expect("installs");
    let store = PgEventStore::connect(&config).await.expect("connects");
    open(&store, "ann", 3).await;
    let events = store.read_stream(&stream("ann"), Version::EMPTY).await;
    assert_eq!(events.expect("reads").len(), 3);
    let runner = Runner::over_log::<role::View>(&store, Balances).expect("a view");
    runner.catch_up().await.expect("runs");
    let balances = ReadModel::<Balances, _>::new(&store);
    assert_eq!(balances.get("ann").await.expect("reads"), Some(3));
    assert!(store.high_water_mark().await.expect("reads") >= Position::new(3));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_in_transaction_mode_is_refused() {
    let pooler = Pooler::start("transaction");
    let config = pooler.config();
    for refused in [
        PgEventStore::install(&config).await,
        PgEventStore::connect(&config).await.map(drop),
    ] {
        let error = refused.expect_err("is refused");
        assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{error}");
        let text = chain(&error).to_string();
        assert!(text.contains("a pooler in transaction mode"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_rejects_settings_of_the_session_is_named() {
    let pooler = Pooler::start("strict");
    let schema = fresh_schema();
    let direct = PgConfig::new(url()).schema(&schema);
    PgEventStore::install(&direct).await.expect("installs");
    let config = PgConfig::new(&pooler.url).schema(&schema);
    let error = match PgEventStore::connect(&config).await {
        Ok(store) => store.high_water_mark().await.expect_err("is refused"),
        Err(error) => error,
    };
    assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{error}");
    let text = chain(&error).to_string();
    assert!(text.contains("a pooler rejects a setting"), "{text}");
}
