//! The role that keeps a read model with SQL of its own.

use async_trait::async_trait;

use crate::{
    model::Envelope,
    ports::UnitOfWork,
    roles::{events::Events, handler_error::HandlerError},
};

/// A read model that writes through the store's own transaction.
///
/// **Invariant**: what it writes and its checkpoint commit together or not at all.
#[async_trait]
pub trait Projection<S: UnitOfWork>: Send + Sync + 'static {
    /// What it reads.
    type Events: Events;

    /// Names the subscription.
    fn name(&self) -> &str;

    /// Writes what follows from the events, in order. A batch that failed comes again, perhaps cut differently.
    async fn project(
        &self,
        transaction: &mut S::Transaction,
        events: &[Envelope<Self::Events>],
    ) -> Result<(), HandlerError>;
}
