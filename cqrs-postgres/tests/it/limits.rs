//! The sizes that a store accepts.

use cqrs_postgres::{PgConfig, PgEventStore};
use cqrs_testing::contract::limits;

use crate::support::{fresh_store, url};

#[tokio::test]
async fn the_limits_of_the_store_can_be_set() {
    let store = fresh_store().await;
    let config = PgConfig::new(url()).schema(store.schema());
    let small = PgEventStore::connect(&config.limits(limits::small_limits())).await;
    limits::the_limits_of_a_store_can_be_set(small.expect("connects")).await;
}
