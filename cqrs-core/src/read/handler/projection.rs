//! The handler for projections.

use async_trait::async_trait;

use super::{Handler, IntoHandler, envelopes, role};
use crate::{
    codec::CodecError,
    model::{EventFilter, RecordedEvent, RoleKind},
    ports::UnitOfWork,
    roles::{Events, HandlerError, Projection},
};

/// Passes batches to a projection. Runners create it: use it to name their type, as in [`LogRunner`](crate::read::LogRunner).
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
    fn role(&self) -> Option<RoleKind> {
        Some(RoleKind::Projection)
    }

    fn subscription(&self) -> &str {
        self.0.name()
    }

    fn reads(&self) -> Result<Vec<EventFilter>, CodecError> {
        P::Events::reads()
    }

    fn ignores(&self) -> Vec<EventFilter> {
        P::Events::ignores()
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
