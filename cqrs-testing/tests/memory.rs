//! The memory store gives every guarantee of a store.

use cqrs_core::MemoryEventStore;
use cqrs_testing::contract::limits;

cqrs_testing::event_store_contract!(MemoryEventStore::default());

#[tokio::test]
async fn the_limits_of_the_store_can_be_set() {
    let store = MemoryEventStore::default().limits(limits::small_limits());
    limits::the_limits_of_a_store_can_be_set(store).await;
}
