//! Publishes a store's events to a broker. The event table is the outbox.

mod error;
mod member;
mod recover;
mod report;
mod shard;
mod shards;

pub use self::error::{RelayError, RelayErrorKind};
use self::shards::Shards;
use crate::{
    model::Slices,
    ports::{EventStore, Leases, Publication, Publisher, StoreError},
    run_loop::{self, Progress, ProgressReporter},
};

/// Publishes every event of a store exactly once, those of a stream in order.
///
/// **Invariant**: the events of a batch and the relay's progress become visible together or not at all. After an unknown
/// outcome a shard is opened again. That fences earlier sessions and returns how far the shard has published; it continues
/// from there.
///
/// ```
/// use cqrs_core::{Relay, Store, ports::Publisher, relay::RelayError};
///
/// /// `KafkaPublisher` of `cqrs-kafka` is a publisher.
/// async fn relay(
///     store: impl Store,
///     publisher: impl Publisher,
///     stop: impl Future<Output = ()> + Send,
/// ) -> Result<(), RelayError> {
///     Relay::new(&store, "orders", publisher).run(stop).await
/// }
/// ```
#[derive(Debug)]
pub struct Relay<S, P> {
    name: String,
    store: S,
    publisher: P,
    shards: u16,
    batch_size: usize,
    reporter: ProgressReporter,
}

impl<S: EventStore, P: Publisher> Relay<S, P> {
    /// A relay. Its name is its identity at the broker: do not change it. Of several processes one publishes at a time.
    #[must_use]
    pub fn new(store: &S, name: impl Into<String>, publisher: P) -> Self {
        Self {
            name: name.into(),
            store: store.clone(),
            publisher,
            shards: 1,
            batch_size: 5_000,
            reporter: ProgressReporter::default(),
        }
    }

    /// Sets the maximum number of events in one transaction; 5,000 by default. A transaction never waits for more events.
    #[must_use]
    pub fn batch_size(mut self, events: usize) -> Self {
        self.batch_size = events.max(1);
        self
    }

    /// Sets the number of shards that publish in parallel, each for a range of slices; 1 by default. The broker stores the
    /// number; a later start with another number is rejected.
    #[must_use]
    pub fn shards(mut self, shards: u16) -> Self {
        self.shards = shards.clamp(1, Slices::COUNT);
        self
    }

    /// The name of the relay.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A handle to the relay's progress. It can be read while the relay runs and after it has ended. Each shard counts as a
    /// partition of the log.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.reporter.progress()
    }

    /// Opens its shards.
    async fn open(&self) -> Result<Vec<P::Session>, RelayErrorKind> {
        let publication = self.publication().await?;
        Ok(self.publisher.open(&publication).await?)
    }

    async fn publication(&self) -> Result<Publication, StoreError> {
        let log = self.store.identity().await?;
        Ok(Publication::new(&self.name, self.shards, log))
    }
}

impl<S: EventStore + Leases, P: Publisher> Relay<S, P> {
    /// Publishes until `stop` resolves, then finishes the current batch.
    ///
    /// An unavailable broker or store is retried without limit, also at the start.
    ///
    /// One process has the relay at a time, by a [lease](Leases) in the store. Others of this name wait
    /// ([`Phase::Starting`](crate::run_loop::Phase)): one takes over when the first ends, or is not heard of for the lease (15 s by
    /// default) because it was killed, stopped or cut off. The former one publishes nothing more, and waits in turn.
    ///
    /// # Errors
    /// When the broker is not set up for the relay, an event cannot be published, the store fails permanently, the log was replaced,
    /// or somebody without the lease has fenced it: a call of [`recover`](Self::recover), or a relay of this name over another store.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) -> Result<(), RelayError> {
        let relay = self.name.clone();
        let reporter = self.reporter.clone();
        let mut shards = Shards::new(self);
        // Boxed, so that a program that awaits several relays has small futures.
        let outcome = Box::pin(run_loop::run(&mut shards, stop)).await;
        let outcome = outcome.map_err(|kind| RelayError { relay, kind });
        reporter.ended(None, outcome.as_ref().err().map(|error| error as _));
        outcome
    }
}

#[cfg(test)]
mod tests;
