//! The PostgreSQL store keeps every promise of a store.

cqrs_testing::event_store_contract!(crate::support::fresh_store().await);
