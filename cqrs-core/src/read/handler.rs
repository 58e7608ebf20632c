//! What a runner drives, and how every role becomes it.

mod projection;
mod reactor;
mod view;

use async_trait::async_trait;

use crate::{
    codec::CodecError,
    model::{Envelope, Reads, RecordedEvent},
    ports::{StoreError, UnitOfWork},
    roles::{Events, HandlerError},
};

/// The runner's port: a batch of events, and the transaction in which the checkpoint moves too.
///
/// Views, reactors and projections become handlers by themselves; implement it only for what none of them can do.
#[async_trait]
pub trait Handler<S: UnitOfWork>: Send + Sync + 'static {
    /// Names the checkpoint.
    fn subscription(&self) -> &str;

    /// What to read.
    ///
    /// # Errors
    /// When an event type is not an externally tagged enum.
    fn reads(&self) -> Result<Vec<Reads>, CodecError>;

    /// How many events a transaction may take at most, unless the runner is told otherwise.
    fn largest_batch(&self) -> usize {
        1_000
    }

    /// Makes the store ready, once before the first batch.
    async fn prepare(&self, store: &S) -> Result<(), StoreError> {
        let _ = store;
        Ok(())
    }

    /// Handles the batch. What it writes through `transaction` and the checkpoint commit together or not at all.
    async fn handle(
        &self,
        store: &S,
        transaction: &mut S::Transaction,
        batch: &[RecordedEvent],
    ) -> Result<(), HandlerError>;
}

/// Tells the roles apart, so that one type may play several.
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

/// A role that a runner can drive on the store `S`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be run on `{S}`",
    note = "implement View, Reactor, Projection<{S}> or Handler<{S}> for it"
)]
pub trait IntoHandler<S: UnitOfWork, Role> {
    /// What it becomes.
    type Handler: Handler<S>;

    /// Becomes it.
    fn into_handler(self) -> Self::Handler;
}

impl<S: UnitOfWork, H: Handler<S>> IntoHandler<S, role::Handler> for H {
    type Handler = H;

    fn into_handler(self) -> H {
        self
    }
}

/// The events of the batch that `E` reads. One that it should read but cannot poisons the batch.
fn envelopes<E: Events>(batch: &[RecordedEvent]) -> Result<Vec<Envelope<E>>, HandlerError> {
    let envelope = |recorded: &RecordedEvent| match E::decode(recorded) {
        Ok(event) => Ok(event.map(|event| Envelope {
            event,
            recorded: recorded.clone(),
        })),
        Err(error) => Err(HandlerError::poison(recorded.id, error)),
    };
    batch
        .iter()
        .filter_map(|recorded| envelope(recorded).transpose())
        .collect()
}
