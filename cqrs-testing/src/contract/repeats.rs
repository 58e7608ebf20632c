//! Guarantees of the [`EventStore`] port for concurrent idempotency keys: each key gets its own result, also in a
//! batch with other appends.

use cqrs_core::{
    EventStore, ExpectedVersion,
    model::{Idempotency, Slices},
    ports::{AppendError, Appended, Appends},
};
use tokio::task::JoinSet;

use super::{
    fixture::{account, append, at, conflict, key, read_all, stream, versions},
    idempotency::{is_reused, repeated},
};

/// Exactly one of many concurrent repeats appends, and all get the same result: for one stream and for several.
pub async fn one_of_a_hundred_concurrent_repeats_appends<S: EventStore>(store: S) {
    let requests: Vec<Appends> = (0..4).map(request).collect();
    let mut calls = JoinSet::new();
    for n in 0..400 {
        let store = store.clone();
        let appends = request(n % 4);
        calls.spawn(async move { (n % 4, store.append_all(appends).await) });
    }
    let mut results = vec![Vec::new(); 4];
    for (n, result) in calls.join_all().await {
        results[n].push(result.expect("the first or a repeat"));
    }
    let log = read_all(&store, &[], Slices::ALL, 100).await;
    for (appends, results) in requests.iter().zip(results) {
        let first = results.iter().filter(|result| !result[0].repeated);
        assert_eq!((first.count(), results.len()), (1, 100));
        for result in &results {
            assert_eq!(repeated(result), repeated(&results[0]));
        }
        for (append, one) in appends.streams.iter().zip(&results[0]) {
            let written = versions(&store, &append.stream).await;
            assert_eq!(written.len(), append.events.len());
            assert_eq!(one.version.get(), written.len() as u64);
            let last = log.iter().rfind(|event| event.stream == append.stream);
            assert_eq!(one.position, last.map(|event| event.position));
        }
    }
}

/// The `n`-th request: to one stream, or to two with a third as a read-only participant. Each call makes new events.
fn request(n: usize) -> Appends {
    let nth = |who: &str| account(&format!("{who} {n}"));
    let one = append(&nth("carol"), at(0), 1);
    let read_only = append(&stream("rate", "eur"), ExpectedVersion::NoStream, 0);
    let other = append(&nth("bob"), at(0), 2);
    let appends: Appends = match n % 2 {
        0 => one.into(),
        _ => [one, read_only, other].into(),
    };
    appends.once(key(&format!("request {n}"), 7))
}

/// One of two concurrent commands under one key is executed, and every attempt at the other is rejected.
pub async fn one_of_two_concurrent_commands_under_a_key_succeeds<S: EventStore>(store: S) {
    for round in 0..10 {
        let name = format!("request {round}");
        let mut requests = JoinSet::new();
        for n in 0..16 {
            let stream = account(&format!("{round} {}", n % 2));
            let appends = Appends::from(append(&stream, at(0), 1)).once(key(&name, n % 2));
            let store = store.clone();
            requests.spawn(async move { (n % 2, store.append_all(appends).await) });
        }
        let outcomes = requests.join_all().await;
        let done = outcomes.iter().find(|(_, outcome)| outcome.is_ok());
        let done = done.expect("one is first").0;
        for (which, outcome) in outcomes {
            match outcome {
                Ok(_) => assert_eq!(which, done),
                rejected => {
                    assert_ne!(which, done);
                    is_reused(&key(&name, which), rejected);
                }
            }
        }
    }
    assert_eq!(read_all(&store, &[], Slices::ALL, 100).await.len(), 10);
}

/// Concurrent repeats, reused keys, conflicts under a key and new keys do not affect each other.
pub async fn each_concurrent_key_gets_its_own_result<S: EventStore>(store: S) {
    let taken = account("taken");
    store
        .append(append(&taken, at(0), 1))
        .await
        .expect("appends");
    let own = |name: &str| append(&account(name), ExpectedVersion::Any, 2);
    let mut first = Vec::new();
    for n in 0..8 {
        let name = format!("old {n}");
        let appends = Appends::from(own(&name)).once(key(&name, 1));
        first.push(store.append_all(appends).await.expect("appends"));
    }
    for round in 0..3 {
        let mut calls = JoinSet::new();
        for n in 0..8 {
            let old = format!("old {n}");
            let new = format!("new {round} {n}");
            let rejected = rejected(round, n);
            let calls_of_n = [
                (Kind::Repeat, own(&old), Some(key(&old, 1))),
                (Kind::Reused, own(&old), Some(key(&old, 2))),
                (Kind::Rejected, append(&taken, at(0), 1), Some(rejected)),
                (Kind::New, own(&new), Some(key(&new, 1))),
                (Kind::New, own("busy"), None),
            ];
            for (kind, append, idempotency) in calls_of_n {
                let store = store.clone();
                let appends = Appends::new(vec![append], idempotency);
                calls.spawn(async move { (n, kind, store.append_all(appends).await) });
            }
        }
        for (n, kind, outcome) in calls.join_all().await {
            kind.check(outcome, n, &first[n]);
        }
        for (n, first) in first.iter().enumerate() {
            let found = async |named: Idempotency| {
                let found = store.appended_under(&named).await;
                found.expect("looks up")
            };
            assert_eq!(
                found(key(&format!("old {n}"), 1)).await,
                Some(repeated(first))
            );
            assert_eq!(found(rejected(round, n)).await, None);
            let new = format!("new {round} {n}");
            let new = found(key(&new, 1)).await.expect("was appended");
            assert_eq!((new[0].before.get(), new[0].version.get()), (0, 2));
        }
    }
}

fn rejected(round: usize, n: usize) -> Idempotency {
    key(&format!("rejected {round} {n}"), 1)
}

/// The expected outcome of a call.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Repeat,
    Reused,
    Rejected,
    New,
}

impl Kind {
    #[track_caller]
    fn check(self, outcome: Result<Vec<Appended>, AppendError>, n: usize, first: &[Appended]) {
        match self {
            Self::Repeat => assert_eq!(outcome.expect("is a repeat"), repeated(first)),
            Self::Reused => is_reused(&key(&format!("old {n}"), 2), outcome),
            Self::Rejected => assert_eq!(conflict(outcome), (1, at(0))),
            Self::New => assert!(!outcome.expect("appends")[0].repeated),
        }
    }
}
