//! What the tests across crates share: a small domain, real servers, and processes to be killed.

pub mod broker;
#[cfg(doctest)]
mod docs;
pub mod domain;
pub mod parking;
pub mod servers;
pub mod victim;
