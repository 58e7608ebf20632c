//! Many concurrent writers to one stream, on PostgreSQL.

use cqrs_core::{CommandStore, RetryPolicy, roles::Events};
use cqrs_tests::{
    domain::{Counter, CounterEvent, log},
    servers::{fresh_name, store},
};
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_writers_on_one_stream_all_append_once() {
    let store = store(&fresh_name()).await;
    let counters = store.repository::<Counter>();
    let counters = counters.retry(RetryPolicy::default().attempts(1_000));
    let mut writers = JoinSet::new();
    for writer in 0..64 {
        let counters = counters.clone();
        writers.spawn(async move { counters.execute("one", writer.to_string()).await });
    }
    let mut succeeded = Vec::new();
    for outcome in writers.join_all().await {
        let mut done = outcome.expect("succeeds after as many attempts as it takes");
        let CounterEvent::Counted { to, text } = done.events.remove(0);
        assert_eq!(
            to,
            done.version.get(),
            "decided on the state it was appended to"
        );
        succeeded.push((to, text));
    }
    succeeded.sort_unstable();
    let log = log(&store).await;
    let events = log
        .iter()
        .flat_map(|event| CounterEvent::decode(event).expect("a counter's event"));
    let stored = events.map(|CounterEvent::Counted { to, text }| (to, text));
    assert_eq!(stored.collect::<Vec<_>>(), succeeded);
}
