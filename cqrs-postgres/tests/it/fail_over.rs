//! Several servers in a URL: the store finds the primary, also after a fail-over.

use std::time::Duration;

use cqrs_core::{EventStore, StoreErrorKind, Version, chain, ports::UnitOfWork};
use cqrs_postgres::{PgConfig, PgEventStore};

use crate::{
    proxy::{Network, Proxy},
    support::{append, fresh_store, stream, until, with_parameter},
};

/// A port where nothing listens.
const CLOSED: u16 = 1;

const LIMIT: Duration = Duration::from_millis(500);

fn config(ports: &[u16], schema: &str) -> PgConfig {
    let hosts = vec!["127.0.0.1"; ports.len()].join(",");
    let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
    let servers = format!("host={hosts}&port={}", ports.join(","));
    PgConfig::new(with_parameter(&servers))
        .schema(schema)
        .max_connections(4)
        .statement_timeout(LIMIT)
        .connect_timeout(Duration::from_secs(5))
}

/// Whether each kind of connection works: for single statements, for transactions, and for queries of the user.
async fn works(store: &PgEventStore) -> bool {
    let Ok(mut transaction) = store.begin().await else {
        return false;
    };
    let inside = store
        .append_in(&mut transaction, append("in", 1).into())
        .await;
    let committed = inside.is_ok() && store.commit(transaction).await.is_ok();
    let appended = store.append(append("alone", 1)).await.is_ok();
    let read = store.read_stream(&stream("in"), Version::EMPTY).await;
    let own = sqlx::query("select 1").execute(store.pool()).await;
    committed && appended && read.is_ok() && own.is_ok()
}

#[tokio::test]
async fn a_closed_port_and_a_read_only_server_are_passed_over() {
    let schema = fresh_store().await.schema().to_owned();
    let (standby, primary) = (Proxy::start().await, Proxy::start().await);
    standby.set_read_only(true);
    let config = config(&[CLOSED, standby.port(), primary.port()], &schema);
    let store = PgEventStore::connect(&config).await.expect("connects");
    assert_eq!(standby.connections(), 1, "it was tried");
    assert!(works(&store).await);
    assert_eq!(standby.connections(), 1, "it is not tried again");
}

#[tokio::test]
async fn after_a_fail_over_the_new_primary_is_found() {
    let schema = fresh_store().await.schema().to_owned();
    for lost in [Network::Down, Network::Silent, Network::Open] {
        let (old, new) = (Proxy::start().await, Proxy::start().await);
        new.set_read_only(true);
        let config = config(&[old.port(), new.port()], &schema);
        let store = PgEventStore::connect(&config).await.expect("connects");
        assert!(works(&store).await);
        assert_eq!(new.connections(), 0, "the first one is the primary");
        old.set(lost);
        match lost {
            Network::Silent => old.strand(),
            _ => old.cut(),
        }
        // If it is still up, it is a standby now.
        old.set_read_only(true);
        new.set_read_only(false);
        until("all connections lead to the new primary", async || {
            works(&store).await
        })
        .await;
        for _ in 0..3 {
            assert!(works(&store).await, "{lost:?}");
        }
    }
}

#[tokio::test]
async fn without_a_primary_the_error_names_each_server() {
    let schema = fresh_store().await.schema().to_owned();
    let (first, second) = (Proxy::start().await, Proxy::start().await);
    second.set_read_only(true);
    let named = |error: &cqrs_core::StoreError| {
        let said = chain(error).to_string();
        error.kind() == StoreErrorKind::Unavailable
            && said.contains("no server of the database URL is a primary")
            && said.contains(&format!("127.0.0.1:{} (it can only read)", second.port()))
    };
    let none = config(&[CLOSED, second.port()], &schema);
    let error = PgEventStore::connect(&none).await.expect_err("no primary");
    assert!(named(&error), "{error}");
    let said = error.to_string();
    assert!(said.contains("127.0.0.1:1 (Connection refused"), "{said}");

    let config = config(&[first.port(), second.port()], &schema);
    let config = config.connect_timeout(Duration::from_secs(2));
    let store = PgEventStore::connect(&config).await.expect("connects");
    first.set(Network::Down);
    first.cut();
    until("a transaction names each server", async || {
        let error = store.begin().await.expect_err("no primary");
        named(&error)
    })
    .await;
    until("an append names each server", async || {
        let error = store.append(append("a", 1)).await.expect_err("no primary");
        matches!(&error, cqrs_core::ports::AppendError::Store(error) if named(error))
    })
    .await;
}
