//! Connections that break: appends in flight have an unknown outcome, all others continue.

use cqrs_core::{
    EventStore, IdempotencyKey, StoreErrorKind, Version, model::Idempotency, ports::Appends,
};
use cqrs_postgres::PgEventStore;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

use crate::{
    gate::{Gate, Place},
    proxy::{Network, Proxy},
    support::{Outcome, append, fresh_store, kind, number, outcomes, start, stream, until},
};

const UNKNOWN: Option<StoreErrorKind> = Some(StoreErrorKind::OutcomeUnknown);
const SLOW: &str = "select count(*) from __schema__.events where aggregate_id like 'slow%'";

/// A batch that waits at the gate, and appends that wait for the batch.
async fn held(store: &PgEventStore, gate: &mut Gate) -> [Vec<JoinHandle<Outcome>>; 2] {
    let first = [append("first", 1)];
    let slow = (0..20).map(|n| append(&format!("slow-{n}"), 1));
    let mut slow = start(store, first.into_iter().chain(slow));
    until("the batch is at the gate", async || {
        !gate.waiting().await.is_empty()
    })
    .await;
    slow.remove(0)
        .await
        .expect("does not panic")
        .expect("goes alone");
    let queued = start(store, (0..20).map(|n| append(&format!("queued-{n}"), 1)));
    tokio::task::yield_now().await;
    [slow, queued]
}

#[tokio::test]
async fn a_killed_batch_is_unknown_and_later_appends_continue() {
    for place in [Place::Insert, Place::Commit] {
        let store = fresh_store().await;
        let mut gate = Gate::close(&store, place).await;
        let [slow, queued] = held(&store, &mut gate).await;
        let writer = gate.waiting().await;
        assert_eq!(writer.len(), 1, "all of them together");
        gate.kill(&writer).await;
        for outcome in outcomes(slow).await {
            assert_eq!(kind(&outcome), UNKNOWN, "{outcome:?}");
        }
        for outcome in outcomes(queued).await {
            outcome.expect("appends over another connection");
        }
        gate.open().await;
        assert_eq!(number(&store, SLOW).await, 0, "it was not yet done");
    }
}

#[tokio::test]
async fn a_batch_with_a_lost_reply_is_unknown_and_stored() {
    let direct = fresh_store().await;
    let proxy = Proxy::start().await;
    let config = proxy.config(direct.schema());
    let store = PgEventStore::connect(&config).await.expect("connects");
    let mut gate = Gate::close(&direct, Place::Commit).await;
    let [slow, queued] = held(&store, &mut gate).await;
    proxy.set(Network::Mute);
    gate.open().await;
    until("the server has committed", async || {
        number(&direct, SLOW).await == 20
    })
    .await;
    proxy.cut();
    proxy.set(Network::Open);
    for outcome in outcomes(slow).await {
        assert_eq!(kind(&outcome), UNKNOWN, "{outcome:?}");
    }
    for outcome in outcomes(queued).await {
        outcome.expect("appends over another connection");
    }
}

fn keyed(n: u64) -> Appends {
    Appends::from(append(&format!("slow-{n}"), 2)).once(key(n))
}

fn key(n: u64) -> Idempotency {
    Idempotency::new(IdempotencyKey::new(format!("key-{n}")).expect("valid"), n)
}

/// The server completes an append that its client has given up. A repeat must find it at any time.
#[tokio::test]
async fn a_repeat_under_a_key_settles_an_unknown_outcome() {
    let direct = fresh_store().await;
    let proxy = Proxy::start().await;
    let limit = Duration::from_millis(500);
    let config = proxy
        .config(direct.schema())
        .statement_timeout(limit)
        .commit_timeout(limit);
    let store = PgEventStore::connect(&config).await.expect("connects");
    let mut gate = Gate::close(&direct, Place::Commit).await;
    let slow = start(&store, (0..10).map(keyed));
    until("they are at the gate", async || {
        gate.waiting().await.len() == 2
    })
    .await;
    proxy.strand();
    for outcome in outcomes(slow).await {
        assert_eq!(kind(&outcome), UNKNOWN, "{outcome:?}");
    }
    assert_eq!(number(&direct, SLOW).await, 0);
    let repeats = start(&direct, (0..10).map(keyed));
    let asked = tokio::spawn({
        let direct = direct.clone();
        async move { direct.appended_under(&key(9)).await }
    });
    let waiting = "select count(*) from pg_locks where not granted and locktype = 'advisory' and objsubid = 1
        and (classid::bigint << 32 | objid::bigint) in (select __schema__.key_guard('key-' || n) from generate_series(0, 9) n)";
    until("the repeats wait for them", async || {
        number(&direct, waiting).await > 1
    })
    .await;
    gate.open().await;
    for outcome in outcomes(repeats).await {
        let appended = outcome.expect("was done before");
        assert!(
            appended[0].repeated && appended[0].version == Version::new(2),
            "{appended:?}"
        );
    }
    let asked = asked
        .await
        .expect("does not panic")
        .expect("reads")
        .expect("is there");
    assert_eq!(asked[0].stream, stream("slow-9"));
    assert_eq!(number(&direct, SLOW).await, 20);
}

/// An append from a silent network arrives after its sender has repeated it on another connection.
#[tokio::test]
async fn a_keyed_append_that_arrives_after_its_repeat_appends_nothing() {
    let direct = fresh_store().await;
    let proxy = Proxy::start().await;
    let limit = Duration::from_millis(300);
    let config = proxy
        .config(direct.schema())
        .statement_timeout(limit)
        .commit_timeout(limit);
    let store = PgEventStore::connect(&config).await.expect("connects");
    loop {
        proxy.set(Network::Open);
        store.append(append("warm", 1)).await.expect("appends");
        proxy.set(Network::Silent);
        let lost = store.append_all(keyed(1)).await;
        if kind(&lost) == UNKNOWN {
            break;
        }
        assert_eq!(
            kind(&lost),
            Some(StoreErrorKind::Unavailable),
            "not sent yet: {lost:?}"
        );
    }
    let repeated = direct.append_all(keyed(1)).await.expect("appends");
    assert!(!repeated[0].repeated);
    let statements = proxy.statements();
    proxy.set(Network::Open);
    until("it has arrived", async || proxy.statements() > statements).await;
    let again = store.append_all(keyed(1)).await.expect("was done before");
    assert!(again[0].repeated && again[0].position == repeated[0].position);
    assert_eq!(number(&direct, SLOW).await, 2);
}

#[tokio::test]
async fn appends_continue_by_themselves_after_a_server_restart() {
    let direct = fresh_store().await;
    let proxy = Proxy::start().await;
    let config = proxy
        .config(direct.schema())
        .connect_timeout(Duration::from_millis(500));
    let store = PgEventStore::connect(&config).await.expect("connects");
    let several = || (0..20).map(|n| append(&format!("{n}"), 1));
    for outcome in outcomes(start(&store, several())).await {
        outcome.expect("appends");
    }
    proxy.set(Network::Down);
    proxy.cut();
    lie_idle().await;
    for _ in 0..3 {
        for outcome in outcomes(start(&store, several())).await {
            assert_eq!(
                kind(&outcome),
                Some(StoreErrorKind::Unavailable),
                "{outcome:?}"
            );
        }
    }
    proxy.set(Network::Open);
    for outcome in outcomes(start(&store, several())).await {
        outcome.expect("appends");
    }
    assert_eq!(
        number(&direct, "select count(*) from __schema__.events").await,
        40
    );
}

/// Waits until the store checks a connection before it uses it again.
async fn lie_idle() {
    let begun = Instant::now();
    until("that long", async || {
        begun.elapsed() > Duration::from_millis(150)
    })
    .await;
}

#[tokio::test]
async fn broken_idle_connections_are_replaced_without_an_error() {
    let direct = fresh_store().await;
    let proxy = Proxy::start().await;
    let store = PgEventStore::connect(&proxy.config(direct.schema()))
        .await
        .expect("connects");
    let use_all = async || {
        let many = (0..20).map(|n| append(&format!("{n}"), 1));
        for outcome in outcomes(start(&store, many)).await {
            outcome.expect("appends");
        }
        let streams = [stream("1"), stream("2"), stream("3")];
        let [one, two, three] = streams
            .each_ref()
            .map(|stream| store.replay(stream, Version::EMPTY));
        let (one, two, three) = tokio::join!(one, two, three);
        assert!(
            one.is_ok() && two.is_ok() && three.is_ok(),
            "{one:?} {two:?} {three:?}"
        );
        store.appended_under(&key(1)).await.expect("reads");
    };
    use_all().await;
    for _ in 0..2 {
        proxy.cut();
        lie_idle().await;
        use_all().await;
    }
}
