//! The memory store gives every guarantee of a store.

cqrs_testing::event_store_contract!(cqrs_core::MemoryEventStore::default());
