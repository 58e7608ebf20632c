//! Read models with SQL of their own.

use async_trait::async_trait;

use super::{Handler, HandlerError, IntoHandler, envelopes, role};
use crate::{Envelope, Events, Reads, RecordedEvent, UnitOfWork, codec::CodecError};

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

/// A projection in front of a runner.
#[derive(Debug)]
pub struct ProjectionHandler<P>(P);

impl<S: UnitOfWork, P: Projection<S>> IntoHandler<S, role::Projection> for P {
    type Handler = ProjectionHandler<P>;

    fn into_handler(self) -> ProjectionHandler<P> {
        ProjectionHandler(self)
    }
}

#[async_trait]
impl<S: UnitOfWork, P: Projection<S>> Handler<S> for ProjectionHandler<P> {
    fn subscription(&self) -> &str {
        self.0.name()
    }

    fn reads(&self) -> Result<Vec<Reads>, CodecError> {
        P::Events::reads()
    }

    async fn handle(
        &self,
        _: &S,
        transaction: &mut S::Transaction,
        batch: &[RecordedEvent],
    ) -> Result<(), HandlerError> {
        self.0.project(transaction, &envelopes(batch)?).await
    }
}
