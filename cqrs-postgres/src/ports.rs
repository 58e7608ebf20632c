//! The ports of [`cqrs_core::ports`] that the store implements, one a file.

mod checkpoints;
mod control;
mod dead_letters;
mod discards;
mod documents;
mod erase;
mod event_store;
mod import;
mod inbox;
mod inspect;
mod leases;
mod log;
mod log_identity;
mod log_search;
mod parked_row;
mod parking;
mod partitions;
mod rights;
mod unit_of_work;
mod waiting;
