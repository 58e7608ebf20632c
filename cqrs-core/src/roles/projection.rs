//! The role that maintains a read model with its own SQL.

use async_trait::async_trait;

use crate::{
    model::Envelope,
    ports::UnitOfWork,
    roles::{events::Events, handler_error::HandlerError},
};

/// A read model that writes in the transaction of the store.
///
/// **Invariant**: its writes and its checkpoint commit together or not at all.
///
/// `PgTransaction` of `cqrs-postgres` shows one with SQL.
#[async_trait]
pub trait Projection<S: UnitOfWork>: Send + Sync + 'static {
    /// The events that it reads.
    type Events: Events;

    /// The name of the subscription.
    fn name(&self) -> &str;

    /// Updates the read model from the events, in order. A failed batch is delivered again, perhaps with other boundaries.
    ///
    /// # Errors
    /// [`HandlerError::Poison`] for an event that can never be handled. After any error the runner rolls back.
    async fn project(
        &self,
        transaction: &mut S::Transaction,
        events: &[Envelope<Self::Events>],
    ) -> Result<(), HandlerError>;
}
