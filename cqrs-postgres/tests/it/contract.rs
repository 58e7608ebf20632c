//! The PostgreSQL store keeps every promise of a store.

cqrs_core::event_store_contract!(crate::support::fresh_store().await);
