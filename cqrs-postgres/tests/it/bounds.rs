//! On a network that goes silent every call ends with the right error, and the next call works.

mod calls;

use std::{cell::Cell, future::poll_fn, pin::pin, task::Poll, time::Duration};

use cqrs_core::{
    EventStore, StoreErrorKind,
    ports::{CommitError, UnitOfWork},
};
use cqrs_postgres::PgEventStore;
use tokio::task::LocalSet;

use self::calls::{CALLS, Call};
use crate::{
    gate::{Gate, Place},
    proxy::{Network, Proxy},
    support::{append, fresh_store, kind, number, open_append, outcomes, start, until},
};

const LIMIT: Duration = Duration::from_millis(400);

/// More often than the store has connections for transactions, and once in each kind of silence.
const ROUNDS: usize = 2;

/// A store with short limits and one connection for transactions, behind its own proxy.
async fn impatient(schema: &str) -> (Proxy, PgEventStore) {
    let proxy = Proxy::start().await;
    let config = proxy.config(schema).max_connections(1);
    let config = config.statement_timeout(LIMIT).commit_timeout(LIMIT);
    // On a busy machine a connection takes a while.
    let config = config.connect_timeout(Duration::from_secs(5));
    let store = PgEventStore::connect(&config).await;
    (proxy, store.expect("connects"))
}

/// Replaces the silent network with a new one.
async fn reconnect(proxy: &Proxy, call: Call, store: &PgEventStore) {
    proxy.strand();
    proxy.set(Network::Open);
    works(call, store).await;
}

async fn works(call: Call, store: &PgEventStore) {
    let what = format!("{call:?} works");
    until(&what, async || call.make(store, || ()).await.is_ok()).await;
}

/// Tests all calls concurrently, each in its own store.
async fn each_call<F: Future<Output = ()> + 'static>(
    attack: impl Fn(Call, Proxy, PgEventStore) -> F,
) {
    let schema = fresh_store().await.schema().to_owned();
    let (attacks, mut ends) = (LocalSet::new(), Vec::new());
    for call in CALLS {
        let (proxy, store) = impatient(&schema).await;
        ends.push(attacks.spawn_local(attack(call, proxy, store)));
    }
    attacks.await;
    for end in ends {
        end.await.expect("does not panic");
    }
}

#[tokio::test]
async fn a_call_without_a_reply_fails_and_the_next_one_works() {
    each_call(unanswered).await;
}

async fn unanswered(call: Call, proxy: Proxy, store: PgEventStore) {
    // Dropping a transaction sends no request.
    if call == Call::Drop {
        return;
    }
    let (mut rounds, mut attempts) = (0, 0);
    while rounds < ROUNDS {
        attempts += 1;
        assert!(attempts < 20, "{call:?} is never {:?}", call.unanswered());
        let silent = [Network::Silent, Network::Mute][rounds % 2];
        works(call, &store).await;
        let called = call.make(&store, || proxy.set(silent)).await;
        let error = called.expect_err("there was no answer");
        // Without a connection nothing is written, and what was prepared can fail on a busy machine.
        let possible = [call.unanswered(), StoreErrorKind::Unavailable];
        assert!(possible.contains(&error), "{call:?} is {error:?}");
        rounds += usize::from(error == call.unanswered());
        reconnect(&proxy, call, &store).await;
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_while_it_waits_costs_no_connection() {
    each_call(dropped).await;
}

async fn dropped(call: Call, proxy: Proxy, store: PgEventStore) {
    for _ in 0..ROUNDS {
        works(call, &store).await;
        {
            let sent = Cell::new(u64::MAX);
            let mut called = pin!(call.make(&store, || {
                sent.set(proxy.statements());
                proxy.set(Network::Mute);
            }));
            until("it was sent", async || {
                let ended = poll_fn(|context| Poll::Ready(called.as_mut().poll(context))).await;
                proxy.statements() > sent.get() || ended.is_ready()
            })
            .await;
        }
        reconnect(&proxy, call, &store).await;
    }
}

#[tokio::test]
async fn a_connection_that_goes_silent_after_its_use_is_replaced() {
    each_call(silent_on_the_way_back).await;
}

async fn silent_on_the_way_back(call: Call, proxy: Proxy, store: PgEventStore) {
    for _ in 0..ROUNDS {
        works(call, &store).await;
        // Nothing else runs in between on this one thread.
        proxy.set(Network::Silent);
        reconnect(&proxy, call, &store).await;
    }
}

/// A commit that the client no longer waits for is not cancelled: the server completes it.
#[tokio::test]
async fn a_slow_commit_has_an_unknown_outcome_and_happens() {
    let direct = fresh_store().await;
    let schema = direct.schema().to_owned();
    let (_proxy, store) = impatient(&schema).await;
    let mut gate = Gate::close(&direct, Place::Commit).await;
    let mut commits = Vec::new();
    for n in 0..2 {
        let transaction = open_append(&store, &format!("slow in {n}")).await;
        let store = store.clone();
        commits.push(tokio::spawn(async move {
            match store.commit(transaction).await {
                Ok(()) => Ok(Vec::new()),
                Err(CommitError::Store(error)) => Err(error.into()),
                Err(error) => panic!("{error}"),
            }
        }));
    }
    commits.extend(start(
        &store,
        (0..10).map(|n| append(&format!("slow {n}"), 1)),
    ));
    for outcome in outcomes(commits).await {
        let unknown = Some(StoreErrorKind::OutcomeUnknown);
        assert_eq!(kind(&outcome), unknown, "{outcome:?}");
    }
    assert!(gate.waiting().await.len() > 2, "they were sent");
    let events = "select count(*) from __schema__.events";
    assert_eq!(number(&direct, events).await, 0);
    gate.open().await;
    until("all of it is there", async || {
        number(&direct, events).await == 12
    })
    .await;
    store.append(append("after", 1)).await.expect("appends");
}
