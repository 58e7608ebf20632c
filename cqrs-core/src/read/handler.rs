//! The handler that a runner calls, and the conversion of each role into one.

mod projection;
mod reactor;
mod view;

use async_trait::async_trait;

pub use self::{projection::ProjectionHandler, reactor::ReactorHandler, view::ViewHandler};
use crate::{
    codec::CodecError,
    model::{Envelope, EventFilter, OrderingKey, PartitionedBy, RecordedEvent, RoleKind},
    ports::{StoreError, UnitOfWork},
    roles::{Events, HandlerError},
};

/// Handles batches of events for a runner, in the transaction that also moves the checkpoint.
///
/// Views, reactors and projections convert into handlers. Implement it only if none of them fits.
#[async_trait]
pub trait Handler<S: UnitOfWork>: Send + Sync + 'static {
    /// The name of the subscription.
    fn subscription(&self) -> &str;

    /// The events to read.
    ///
    /// # Errors
    /// When an event type is not an externally tagged enum.
    fn reads(&self) -> Result<Vec<EventFilter>, CodecError>;

    /// The events that are passed over on purpose, without being counted or logged.
    fn ignores(&self) -> Vec<EventFilter> {
        Vec::new()
    }

    /// The kind of the role. It is recorded with the checkpoint, and a role of another kind is refused. `None`: not compared.
    fn role(&self) -> Option<RoleKind> {
        None
    }

    /// The default limit for the number of events in a batch.
    fn largest_batch(&self) -> usize {
        1_000
    }

    /// The key of an event: the subscription handles the events of one key in order, and parks them together when one of them cannot
    /// be handled. By default it is the event's stream.
    ///
    /// A key that is not the event's stream is for order beyond one stream, such as a process over several categories. A redrive
    /// then reads the log from the event in front on. The key of an event must not change while it is parked. With several partitions
    /// such a key needs [`PartitionedBy::OrderingKey`].
    ///
    /// For a record of a topic that is not an event it is asked with [an event that stands for it](crate::ports::UnreadableRecord::stand_in):
    /// of the stream of the record's key, with the type [`NOT_AN_EVENT`](crate::ports::TopicRecord::NOT_AN_EVENT).
    fn ordering_key(&self, event: &RecordedEvent) -> OrderingKey {
        event.stream.clone().into()
    }

    /// What decides in which partition of the log an event is: its stream by default. With [`PartitionedBy::OrderingKey`] the events of
    /// one key are in one partition, whatever their streams are. Then a key is a name in any case, and must never change: it decides
    /// how far an event's partition has read. It is recorded, and another answer is refused
    /// ([`OtherPartitioning`](crate::read::RunnerErrorKind::OtherPartitioning)).
    fn partitioned_by(&self) -> PartitionedBy {
        PartitionedBy::Stream
    }

    /// Prepares the store, once before the first batch.
    async fn prepare(&self, store: &S) -> Result<(), StoreError> {
        let _ = store;
        Ok(())
    }

    /// Handles a batch. Its writes through `transaction` and the checkpoint commit together or not at all.
    ///
    /// # Errors
    /// [`HandlerError::Poison`] for an event that cannot be handled. After any error the runner rolls back.
    async fn handle(
        &self,
        store: &S,
        transaction: &mut S::Transaction,
        batch: &[RecordedEvent],
    ) -> Result<(), HandlerError>;
}

/// Markers for the roles: with them, one type can have several roles.
pub mod role {
    /// A [`View`](crate::View).
    #[derive(Debug)]
    pub enum View {}
    /// A [`Reactor`](crate::Reactor).
    #[derive(Debug)]
    pub enum Reactor {}
    /// A [`Projection`](crate::Projection).
    #[derive(Debug)]
    pub enum Projection {}
    /// A [`Handler`](crate::read::Handler) of your own.
    #[derive(Debug)]
    pub enum Handler {}
}

/// A role that a runner can run on the store `S`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be run on `{S}`",
    note = "implement View, Reactor, Projection<{S}> or Handler<{S}> for it"
)]
pub trait IntoHandler<S: UnitOfWork, Role> {
    /// The handler for the role.
    type Handler: Handler<S>;

    /// Converts the role into its handler.
    fn into_handler(self) -> Self::Handler;
}

impl<S: UnitOfWork, H: Handler<S>> IntoHandler<S, role::Handler> for H {
    type Handler = H;

    fn into_handler(self) -> H {
        self
    }
}

/// The events of the batch that `E` reads. An event that cannot be decoded is poison, or the runner waits in front of it.
fn envelopes<E: Events>(batch: &[RecordedEvent]) -> Result<Vec<Envelope<E>>, HandlerError> {
    let mut envelopes = Vec::with_capacity(batch.len());
    for recorded in batch {
        let decoded =
            E::decode(recorded).map_err(|error| HandlerError::undecodable(recorded.id, error))?;
        let parts = decoded.parts();
        envelopes
            .extend(parts.map(|(part, event)| Envelope::new(event, recorded.clone()).part(part)));
    }
    Ok(envelopes)
}
