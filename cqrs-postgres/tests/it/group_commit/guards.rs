//! A batch only tries to lock its streams: a held lock delays only appends to the same stream.

use cqrs_core::{
    EventStore, IdempotencyKey, StoreErrorKind, Version,
    model::Idempotency,
    ports::{Append, Appends, Snapshots, UnitOfWork},
};
use cqrs_postgres::{PgConfig, PgEventStore};

use crate::support::{
    append, fresh_store, kind, number, open_append, outcomes, run, start, stream, until, url,
    waiting_for,
};

/// All calls of a process to other streams.
async fn others_go_on(store: &PgEventStore) {
    store.append(append("other", 1)).await.expect("alone");
    store
        .append(append("other", 600))
        .await
        .expect("a large one");
    let many = (0..30).map(|n| append(&format!("other-{n}"), 1));
    for outcome in outcomes(start(store, many)).await {
        outcome.expect("together");
    }
    let several: Appends = [append("other-a", 1), append("other-b", 1)].into();
    store.append_all(several).await.expect("to several streams");
    store
        .replay(&stream("other"), Version::EMPTY)
        .await
        .expect("replays");
    store
        .replay_from_snapshot(&stream("other"), 1)
        .await
        .expect("replays");
    let idempotency = Idempotency::new(IdempotencyKey::new("k").expect("valid"), 1);
    store
        .append_all(Appends::from(append("other", 1)).once(idempotency.clone()))
        .await
        .expect("under a key");
    store.appended_under(&idempotency).await.expect("reads");
}

#[tokio::test]
async fn an_open_transaction_delays_only_appends_to_its_own_streams() {
    let store = fresh_store().await;
    let held = open_append(&store, "held").await;
    let waiting = start(&store, (0..20).map(|_| append("held", 1)));
    until("they wait", async || waiting_for(&store, "held").await > 0).await;
    others_go_on(&store).await;
    assert!(
        !waiting.iter().any(|append| append.is_finished()),
        "the transaction is still open, so no append to its stream may end"
    );
    store.commit(held).await.expect("commits");
    for outcome in outcomes(waiting).await {
        outcome.expect("appends after the transaction has ended");
    }
    let events = store.read_stream(&stream("held"), Version::EMPTY).await;
    assert_eq!(events.expect("reads").len(), 21);
}

/// Transactions that lock streams in opposite orders deadlock. PostgreSQL aborts one of them; it must never be a plain
/// append.
#[tokio::test]
async fn transactions_with_other_lock_orders_never_abort_appends() {
    let store = fresh_store().await;
    let mut held = open_append(&store, "z").await;
    let to_all = || {
        let several = ["z", "y", "x", "w", "v"].map(|id| append(id, 1));
        Appends::from(several)
    };
    let key = Idempotency::new(IdempotencyKey::new("k").expect("valid"), 1);
    let appends = [to_all(), to_all(), to_all().once(key), to_all()];
    let waiting = start(&store, appends);
    until("they wait", async || waiting_for(&store, "z").await > 0).await;
    for id in ["v", "w", "x", "y"] {
        let appended = store.append_in(&mut held, append(id, 1).into()).await;
        appended.expect("nobody holds its lock");
    }
    store.commit(held).await.expect("commits");
    for outcome in outcomes(waiting).await {
        outcome.expect("appends after the transaction has ended");
    }
}

/// PostgreSQL aborts the transaction that finds the deadlock, which may be an append that waits in the same queue.
#[tokio::test]
async fn an_append_survives_a_deadlock_of_two_transactions() {
    let store = fresh_store().await;
    let mut one = open_append(&store, "x").await;
    let mut other = open_append(&store, "y").await;
    let waiting = start(&store, [append("x", 1), append("y", 1)]);
    until("they wait", async || {
        waiting_for(&store, "x").await == 1 && waiting_for(&store, "y").await == 1
    })
    .await;
    let (first, second) = tokio::join!(
        store.append_in(&mut one, append("y", 1).into()),
        store.append_in(&mut other, append("x", 1).into()),
    );
    let kinds = [kind(&first), kind(&second)];
    assert!(
        kinds.contains(&Some(StoreErrorKind::Unavailable)),
        "{kinds:?}"
    );
    for (transaction, appended) in [(one, first), (other, second)] {
        match appended {
            Ok(_) => store.commit(transaction).await.expect("commits"),
            Err(_) => drop(transaction),
        }
    }
    for outcome in outcomes(waiting).await {
        outcome.expect("appends after they have ended");
    }
}

/// An append to several streams must not hold one lock while it waits for another.
#[tokio::test]
async fn an_append_that_waits_for_a_stream_locks_no_others() {
    let store = fresh_store().await;
    let held = open_append(&store, "held").await;
    let before: Vec<_> = (0..10).map(|n| format!("{n}")).collect();
    let several = |id: &String| Appends::from([append(id, 1), append("held", 1)]);
    let waiting = start(&store, before.iter().map(several));
    until("they wait", async || waiting_for(&store, "held").await > 0).await;
    for id in &before {
        store.append(append(id, 1)).await.expect("appends");
    }
    assert!(!waiting.iter().any(|append| append.is_finished()));
    store.commit(held).await.expect("commits");
    for outcome in outcomes(waiting).await {
        outcome.expect("appends");
    }
}

/// Sets the longest wait for a lock.
async fn give_up_after(store: &PgEventStore, time: &str) {
    let sql = "do $$ declare f regprocedure; begin
        for f in select oid from pg_proc where pronamespace = '__schema__'::regnamespace and 'lock_timeout=10s' = any (proconfig) loop
            execute format('alter function %s set lock_timeout = ''__time__''', f);
        end loop; end $$";
    run(store, &sql.replace("__time__", time)).await;
}

#[tokio::test]
async fn a_stream_that_stays_locked_is_unavailable() {
    let store = fresh_store().await;
    give_up_after(&store, "300ms").await;
    let held = open_append(&store, "held").await;
    let one = |append: Append| Appends::from(append);
    let key = Idempotency::new(IdempotencyKey::new("k").expect("valid"), 1);
    let mut appends = vec![
        one(append("held", 1)),
        one(append("held", 2)),
        one(append("held", 0)),
    ];
    appends.push([append("a", 1), append("held", 1), append("z", 1)].into());
    appends.push(one(append("held", 1)).once(key.clone()));
    appends.push(one(append("held", 600)));
    for outcome in outcomes(start(&store, appends)).await {
        assert_eq!(
            kind(&outcome),
            Some(StoreErrorKind::Unavailable),
            "{outcome:?}"
        );
    }
    assert_eq!(store.appended_under(&key).await.expect("reads"), None);
    store.rollback(held).await.expect("rolls back");
    assert_eq!(
        number(&store, "select count(*) from __schema__.events").await,
        0
    );
    store
        .append(append("held", 1))
        .await
        .expect("appends again");
}

/// A store that is closed waits for the appends in flight, also for those that wait for a lock. Those that come later fail, and
/// none happens in part.
#[tokio::test]
async fn a_close_waits_for_appends_that_wait_for_a_lock() {
    let store = fresh_store().await;
    let config = PgConfig::new(url()).schema(store.schema());
    let other = PgEventStore::connect(&config).await.expect("connects");
    let held = open_append(&other, "held").await;
    let single = (0..20).map(|_| Appends::from(append("held", 1)));
    let several = (0..20).map(|n| [append(&format!("{n}"), 1), append("held", 1)].into());
    let waiting = start(&store, single.chain(several));
    until("they wait", async || waiting_for(&other, "held").await > 0).await;
    let closing = tokio::spawn({
        let store = store.clone();
        async move { store.close().await }
    });
    let late = async || store.append(append("late", 1)).await;
    until("later ones fail", async || late().await.is_err()).await;
    assert!(!closing.is_finished(), "appends are in flight");
    other.commit(held).await.expect("commits");
    closing.await.expect("closes");
    let outcomes = outcomes(waiting).await;
    let appended = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    for outcome in &outcomes {
        let closed = kind(outcome) == Some(StoreErrorKind::Other);
        assert!(outcome.is_ok() || closed, "{outcome:?}");
    }
    assert!(appended > 0, "those that asked the server were waited for");
    let events = other.read_stream(&stream("held"), Version::EMPTY).await;
    assert_eq!(events.expect("reads").len(), 1 + appended);
    let partners = "select count(*) from __schema__.events where aggregate_id ~ '^[0-9]+$'";
    let of_several = outcomes[20..].iter().filter(|outcome| outcome.is_ok());
    let of_several = i64::try_from(of_several.count()).expect("is small");
    assert_eq!(number(&other, partners).await, of_several);
}
