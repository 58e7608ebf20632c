//! Tests for what is built with `cqrs-core`: specifications of roles, and the contract of a store.
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
//! Lists are exact: all events, in order, and no others. A failure prints what differs, and the test as it would pass.
//!
//! # The contract of a store
//!
//! [`event_store_contract!`] declares a test for everything that [`contract`] demands of a store, and one line runs it:
//! `cqrs_testing::event_store_contract!(a_fresh_store().await);`. [`linearizability`] lets several clients call a store at
//! the same time and explains their answers by one order of the calls.

pub mod contract;
pub mod linearizability;
mod spec;

pub use self::spec::{Decided, Given, ReactorSpec, Sent, Spec, ViewSpec};
