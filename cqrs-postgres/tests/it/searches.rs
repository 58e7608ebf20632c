//! A search of the log goes over more positions than one statement searches, and ends at the mark.

use cqrs_core::{
    EventStore, RecordedEvent,
    ports::{LogSearch, UnitOfWork},
};
use cqrs_postgres::PgEventStore;

use crate::support::{append, fresh_store, open_append, run};

async fn ids(store: &PgEventStore, search: LogSearch) -> Vec<String> {
    let found = store.search_log(&search).await.expect("searches");
    let id = |event: &RecordedEvent| event.stream.id().to_owned();
    found.iter().map(id).collect()
}

#[tokio::test]
async fn a_search_goes_over_many_positions() {
    let store = fresh_store().await;
    store.append(append("near-1", 1)).await.expect("appends");
    let far = "select setval('__schema__.position', 90000)";
    run(&store, far).await;
    for id in ["other", "near-2"] {
        store.append(append(id, 1)).await.expect("appends");
    }
    let near = |search: LogSearch| search.id_prefix("near");
    let found = ids(&store, near(LogSearch::newest_first(10))).await;
    assert_eq!(found, ["near-2", "near-1"]);
    let found = ids(&store, near(LogSearch::oldest_first(10))).await;
    assert_eq!(found, ["near-1", "near-2"]);
    let found = ids(&store, LogSearch::newest_first(2)).await;
    assert_eq!(found, ["near-2", "other"]);
}

/// An event after an open append is committed, but the log is not complete up to it.
#[tokio::test]
async fn a_search_ends_at_the_mark() {
    let store = fresh_store().await;
    store.append(append("first", 1)).await.expect("appends");
    let open = open_append(&store, "held").await;
    store.append(append("later", 1)).await.expect("appends");
    let found = ids(&store, LogSearch::newest_first(10)).await;
    assert_eq!(found, ["first"]);
    store.commit(open).await.expect("commits");
    let found = ids(&store, LogSearch::newest_first(10)).await;
    assert_eq!(found, ["later", "held", "first"]);
}
