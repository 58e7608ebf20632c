//! Test tools for `cqrs-core`: specifications and laws of aggregates, views and reactors, and a contract suite for stores.
//!
//! # Given, when, then
//!
//! [`Spec`] tests an aggregate, a view or a reactor: no async, no store.
//!
//! ```
//! # use cqrs_core::{Aggregate, Context, Decision, Event};
//! # use cqrs_testing::Spec;
//! # use serde::{Deserialize, Serialize};
//! # #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
//! # enum LampEvent { SwitchedOn }
//! # impl Event for LampEvent { const CATEGORY: &'static str = "lamp"; }
//! # #[derive(Debug, Clone, PartialEq)]
//! # struct SwitchOn;
//! # #[derive(Debug, PartialEq, thiserror::Error)]
//! # #[error("it is on already")]
//! # struct AlreadyOn;
//! # #[derive(Default)]
//! # struct Lamp { on: bool }
//! # impl Aggregate for Lamp {
//! #     type Command = SwitchOn;
//! #     type Event = LampEvent;
//! #     type Error = AlreadyOn;
//! #     fn handle(&self, _: SwitchOn, _: &Context) -> Decision<Self> {
//! #         if self.on { Err(AlreadyOn) } else { Ok(vec![LampEvent::SwitchedOn]) }
//! #     }
//! #     fn apply(&mut self, _: LampEvent) { self.on = true }
//! # }
//! Spec::<Lamp>::new().when(SwitchOn).then([LampEvent::SwitchedOn]);
//! Spec::<Lamp>::new().given([LampEvent::SwitchedOn]).when(SwitchOn).then_rejected(AlreadyOn);
//! ```
//!
//! Lists are exact: all events, in order, and no others. A failure prints the difference, and the test with the values that
//! would pass.
//!
//! # Laws
//!
//! [`laws!`] tests properties that every aggregate, view and reactor has, on generated histories. See [`laws`](mod@laws).
//!
//! # The contract of a store
//!
//! [`event_store_contract!`] declares all tests of [`contract`] for a store, in one line:
//! `cqrs_testing::event_store_contract!(a_fresh_store().await);`. [`linearizability`] lets several clients call a store
//! concurrently, and checks that one order of the calls explains all results.

// Printed tests name the crate, and are compiled here, too.
#[cfg(test)]
extern crate self as cqrs_testing;

mod catalogue;
pub mod contract;
pub mod laws;
pub mod linearizability;
mod spec;

/// The version of proptest that [`laws!`] takes strategies of.
pub use proptest;

pub use self::{
    catalogue::{Catalogue, ConsumerContract},
    spec::{Outcome, ReactorSpec, RejectionOutcome, Sent, Spec, ViewSpec, event_id},
};
