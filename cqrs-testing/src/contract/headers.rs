//! Guarantees for the headers of events.

use cqrs_core::{
    EventStore, ExpectedVersion, Version,
    model::{HeaderError, Headers, NewEvent, Slices},
    ports::{Append, Appends, UnitOfWork},
};
use tokio::task::JoinSet;

use super::fixture::{account, append, headers, is_invalid, key, read_all, rejections};

/// An append in which every other event has headers, starting with the first one.
fn named(id: &str, count: usize) -> Append {
    let mut append = append(&account(id), ExpectedVersion::Any, count);
    for (event, n) in append.events.iter_mut().zip(0..) {
        if n % 2 == 0 {
            event.metadata.headers = headers([("user", &format!("{id} {n}")), ("tenant", "ä")]);
        }
    }
    append
}

/// Each event is read back with its own headers, from its stream and from the log: after single appends, batches,
/// transactions, appends under a key and appends to several streams.
pub async fn every_way_to_append_keeps_the_headers_of_each_event<S>(store: S)
where
    S: EventStore + UnitOfWork,
{
    store.append(named("one", 1)).await.expect("appends");
    store.append(named("three", 3)).await.expect("appends");
    let keyed = Appends::from([named("left", 2), named("right", 1)]).once(key("k", 1));
    store.append_all(keyed).await.expect("appends");
    let mut transaction = store.begin().await.expect("begins");
    let within = store.append_in(&mut transaction, named("within", 2).into());
    within.await.expect("appends");
    let streams = [account("within")];
    let within = store.read_streams_in(&mut transaction, &streams).await;
    let within = within.expect("reads");
    store.commit(transaction).await.expect("commits");
    let mut writers = JoinSet::new();
    for n in 0..20 {
        let store = store.clone();
        writers.spawn(async move { store.append(named(&n.to_string(), 2)).await });
    }
    for outcome in writers.join_all().await {
        outcome.expect("appends");
    }

    let log = read_all(&store, &[], Slices::ALL, 100).await;
    assert_eq!(log.len(), 1 + 3 + 3 + 2 + 40);
    for recorded in log.iter().chain(&within) {
        let id = recorded.stream.id();
        let n = usize::try_from(recorded.version.get() - 1).expect("is small");
        let written = named(id, n + 1).events.remove(n).metadata.headers;
        assert_eq!(recorded.metadata.headers, written, "{recorded}");
        let of_stream = store.read_stream(&recorded.stream, Version::new(n as u64));
        let of_stream = of_stream.await.expect("reads").remove(0);
        assert_eq!(of_stream.metadata, recorded.metadata, "{recorded}");
    }
}

/// Headers that no store accepts, with the error for each.
fn invalid_headers() -> Vec<(Headers, HeaderError)> {
    let many = (0..33).map(|n| (n.to_string(), String::new())).collect();
    let long = "n".repeat(65);
    let name = |name: &str, text: &str| (headers([(name, "")]), HeaderError::Name(text.to_owned()));
    let too_long = HeaderError::TooLong {
        name: "user".to_owned(),
        bytes: 1_026,
        limit: 1_024,
    };
    let too_many = HeaderError::TooMany {
        headers: 33,
        limit: 32,
    };
    vec![
        (many, too_many),
        name("", ""),
        name("User", "User"),
        name("ü", "ü"),
        name(&long, &long[..64]),
        (headers([("user", &"ä".repeat(513))]), too_long),
        (
            headers([("user", "a\0b")]),
            HeaderError::Nul("user".to_owned()),
        ),
    ]
}

/// The largest valid headers are stored. Larger ones give the same error in every store, whichever event of the append has
/// them.
pub async fn headers_beyond_a_limit_are_rejected<S>(store: S)
where
    S: EventStore + UnitOfWork,
{
    for (headers, expected) in invalid_headers() {
        let invalidate = |event: &mut NewEvent| event.metadata.headers = headers.clone();
        for error in rejections(&store, invalidate).await {
            is_invalid(&error, &expected);
        }
    }
    assert_eq!(read_all(&store, &[], Slices::ALL, 10).await, []);

    let widest = |n: usize| (format!("{n:0>64}"), "ä".repeat(512));
    let widest: Headers = (0..32).map(widest).collect();
    let mut kept = append(&account("a"), ExpectedVersion::Any, 1);
    kept.events[0].metadata.headers = widest.clone();
    store.append(kept).await.expect("appends");
    let log = read_all(&store, &[], Slices::ALL, 10).await;
    assert_eq!(log[0].metadata.headers, widest);
}
