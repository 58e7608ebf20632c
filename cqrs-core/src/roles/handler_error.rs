//! The error of a handler for a batch of events.

use crate::{
    model::{Conflict, EventId},
    ports::{
        AdvanceError, AppendError, BoxError, CommitError, SaveError, StoreError, StoreErrorKind,
    },
};

/// A batch that could not be handled.
///
/// ```
/// # use cqrs_core::{HandlerError, prelude::*};
/// # #[derive(serde::Serialize, serde::Deserialize)] enum PaymentEvent { Paid { currency: String } }
/// # impl Event for PaymentEvent { const CATEGORY: &'static str = "payment"; }
/// fn currency(event: &Envelope<PaymentEvent>) -> Result<&str, HandlerError> {
///     let PaymentEvent::Paid { currency } = &event.event;
///     if currency != "EUR" {
///         let reason = format!("no rate for {currency}; add it to the table of rates");
///         return Err(HandlerError::poison(event.recorded.id, reason));
///     }
///     Ok(currency)
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandlerError {
    /// A read or a write in the transaction of the batch failed: `?` converts every error of a store into it. The runner rolls back
    /// and tries again on fresh state, as often as needed, if that can help: the store is away, or somebody else was faster. What
    /// cannot pass, such as a value that no store accepts, may be the fault of one event: the runner makes the batch smaller down
    /// to one event, commits what is before it, and handles that event as [`Poison`](Self::Poison).
    #[error(transparent)]
    Write(#[from] CommitError),
    /// This event cannot be handled, now or later. The runner commits the events before it; then it retries, parks the stream, passes over
    /// the event or stops, as [`Runner::on_failure`](crate::Runner::on_failure) says.
    #[error("event {event} cannot be handled")]
    Poison {
        /// The event.
        event: EventId,
        /// The cause, and how to fix it.
        #[source]
        reason: BoxError,
    },
    /// This event cannot be decoded. It is handled as [`Poison`](Self::Poison), but no retry helps.
    #[error("event {event} cannot be decoded")]
    Undecodable {
        /// The event.
        event: EventId,
        /// The cause.
        #[source]
        error: StoreError,
    },
    /// Newer code wrote this event, or an event that this one depends on. The runner commits the events before it and waits in front of
    /// it, until newer code continues.
    #[error("event {event} needs newer code")]
    NewerEvent {
        /// The event.
        event: EventId,
        /// What newer code wrote.
        #[source]
        error: StoreError,
    },
}

impl HandlerError {
    /// This event cannot be handled, now or later, for this reason.
    #[must_use]
    pub fn poison(event: EventId, reason: impl Into<BoxError>) -> Self {
        let reason = reason.into();
        Self::Poison { event, reason }
    }

    /// This event, or one that it depends on, cannot be read: [`NewerEvent`](Self::NewerEvent) if newer code wrote it, otherwise
    /// [`Poison`](Self::Poison).
    #[must_use]
    pub fn unreadable(event: EventId, error: StoreError) -> Self {
        match error.kind() {
            StoreErrorKind::NewerEvent => Self::NewerEvent { event, error },
            _ => Self::poison(event, error),
        }
    }

    /// This event cannot be decoded: [`NewerEvent`](Self::NewerEvent) if newer code wrote it, otherwise
    /// [`Undecodable`](Self::Undecodable).
    #[must_use]
    pub fn undecodable(event: EventId, error: StoreError) -> Self {
        match error.kind() {
            StoreErrorKind::NewerEvent => Self::NewerEvent { event, error },
            _ => Self::Undecodable { event, error },
        }
    }
}

impl From<StoreError> for HandlerError {
    fn from(error: StoreError) -> Self {
        Self::Write(error.into())
    }
}

impl From<Conflict> for HandlerError {
    fn from(conflict: Conflict) -> Self {
        Self::Write(conflict.into())
    }
}

impl From<AppendError> for HandlerError {
    fn from(error: AppendError) -> Self {
        Self::Write(error.into())
    }
}

impl From<SaveError> for HandlerError {
    fn from(error: SaveError) -> Self {
        Self::Write(error.into())
    }
}

impl From<AdvanceError> for HandlerError {
    fn from(error: AdvanceError) -> Self {
        Self::Write(error.into())
    }
}
