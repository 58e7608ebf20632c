//! The memory store keeps every promise of a store.

cqrs_testing::event_store_contract!(cqrs_core::MemoryEventStore::default());
