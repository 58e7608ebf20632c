//! The PostgreSQL store passes the contract tests.

cqrs_testing::event_store_contract!(crate::support::fresh_store().await);
