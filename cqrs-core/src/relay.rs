//! Store to broker. The event table is the outbox.

mod error;
mod shard;
mod shards;

pub use self::error::{RelayError, RelayErrorKind};
use self::shards::Shards;
use crate::{
    model::Slices,
    ports::{EventStore, Progress, ProgressReporter, Publisher},
    run_loop,
};

/// Publishes every event of a store, in order and once.
///
/// **Invariant**: the events of a batch and the relay's new place become visible together or not at all. After any doubt
/// a shard is opened again, which fences what came before and tells how far it has published, and its log is read again
/// from there.
///
/// ```
/// use cqrs_core::{Relay, RelayError, Store, ports::Publisher};
///
/// /// `KafkaPublisher` of `cqrs-kafka` is a publisher.
/// async fn relay(
///     store: impl Store,
///     publisher: impl Publisher,
///     stop: impl Future<Output = ()> + Send,
/// ) -> Result<(), RelayError> {
///     Relay::new("orders", store, publisher).run(stop).await
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
    /// A relay. Its name is its identity at the broker: keep it, and run one instance of it.
    #[must_use]
    pub fn new(name: impl Into<String>, store: S, publisher: P) -> Self {
        Self {
            name: name.into(),
            store,
            publisher,
            shards: 1,
            batch_size: 5_000,
            reporter: ProgressReporter::default(),
        }
    }

    /// How many events a transaction publishes at most; 5,000 by default. It takes what is there and waits for no more.
    #[must_use]
    pub fn batch_size(mut self, events: usize) -> Self {
        self.batch_size = events.max(1);
        self
    }

    /// How many shards publish side by side, each a range of slices; 1 by default. The number is recorded at the broker,
    /// and another one is rejected.
    #[must_use]
    pub fn shards(mut self, shards: u16) -> Self {
        self.shards = shards.clamp(1, Slices::COUNT);
        self
    }

    /// How it gets on, to be read while it runs and after it has ended. Each shard counts as a partition of the log.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.reporter.progress()
    }

    /// Publishes until `stop` resolves, then finishes the batch in hand.
    ///
    /// A broker or store that is away is waited for, at the start too.
    ///
    /// # Errors
    /// When another instance took over, the broker is not set up for the relay, an event can never be published, or the
    /// log was replaced.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) -> Result<(), RelayError> {
        let relay = self.name.clone();
        let reporter = self.reporter.clone();
        let outcome = run_loop::run(&mut Shards::new(self), stop).await;
        let outcome = outcome.map_err(|kind| RelayError { relay, kind });
        reporter.ended(None, outcome.as_ref().err().map(|error| error as _));
        outcome
    }
}

#[cfg(test)]
mod tests;
