//! A store in front of the one in memory: every call of it passes the gate first.

mod commit;
mod leases;
mod log;
mod parking;
mod read_side;

use cqrs_core::{MemoryEventStore, StoreError, StoreErrorKind};

use crate::{
    bug::{Bug, Keys, Memory},
    desk::Gate,
};

/// The store of one process.
#[derive(Clone)]
pub(crate) struct Gated {
    pub(crate) store: MemoryEventStore,
    gate: Gate,
    pub(crate) bug: Option<Bug>,
    /// What a bug remembers, in all processes.
    pub(crate) memory: Memory,
    /// What a bug remembers, in this one.
    pub(crate) keys: Keys,
}

impl Gated {
    pub(crate) fn new(
        store: &MemoryEventStore,
        gate: Gate,
        bug: Option<Bug>,
        memory: &Memory,
    ) -> Self {
        Self {
            store: store.clone(),
            gate,
            bug,
            memory: memory.clone(),
            keys: Keys::default(),
        }
    }
}

/// The call has done nothing, or it does not matter whether it has.
fn unavailable() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "the schedule has it fail")
}

/// Nobody knows whether it was committed.
fn unknown() -> StoreError {
    let message = "the schedule has lost the answer";
    StoreError::new(StoreErrorKind::OutcomeUnknown, message)
}

/// A call that is one transaction, or only reads: it may be made twice, as a statement that is sent again on a new connection. `$lost` is
/// the error after a lost answer.
macro_rules! one_call {
    ($self:ident, $name:literal, $lost:expr, $call:expr) => {
        match $self.gate.pass($name).await {
            Verdict::Go => $call.await,
            Verdict::Fail => Err(unavailable().into()),
            Verdict::LoseAnswer => {
                let _ = $call.await;
                Err($lost.into())
            }
            Verdict::Repeat => {
                let _ = $call.await;
                $call.await
            }
        }
    };
}

/// A call within a transaction, or the end of one: it cannot be made twice.
macro_rules! once {
    ($self:ident, $name:literal, $lost:expr, $call:expr) => {
        match $self.gate.pass($name).await {
            Verdict::Go | Verdict::Repeat => $call.await,
            Verdict::Fail => Err(unavailable().into()),
            Verdict::LoseAnswer => {
                let _ = $call.await;
                Err($lost.into())
            }
        }
    };
}

use {once, one_call};
