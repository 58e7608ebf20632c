//! Concurrent calls of several processes to one store: each process has its own connections and its own writer.

use cqrs_postgres::PgEventStore;
use cqrs_testing::linearizability::every_history_across_is_linearizable;

use crate::support::fresh_config;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_history_across_processes_is_linearizable() {
    let config = fresh_config();
    PgEventStore::install(&config).await.expect("installs");
    let mut stores = Vec::new();
    for _ in 0..2 {
        stores.push(PgEventStore::connect(&config).await.expect("connects"));
    }
    every_history_across_is_linearizable(&stores, 500).await;
}
