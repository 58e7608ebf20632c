//! Shared parts of the tests across crates: a small domain, real servers, and child processes that tests kill.

pub mod broker;
pub mod child;
#[cfg(doctest)]
mod docs;
pub mod domain;
pub mod parking;
pub mod processes;
pub mod secure;
pub mod servers;
pub mod standby;
