//! A member of a consumer group as a source of batches. Each partition is read from the checkpoint in the database.
//!
//! ```text
//! poll thread:  librdkafka -> rebalance -> offers a reader           -> KafkaSource::assigned
//!                          -> record    -> decodes -> AssignedPartition -> KafkaReader::next
//!               start, resume, release  <- PollCommand               <- KafkaReader
//! ```
//!
//! Only the poll thread uses the consumer, and it never waits for the database: a partition is assigned *paused*, and its
//! reader says where to start. So a database that is down does not cost the membership.

mod assignment;
mod consumer_error;
mod flow;
mod offers;
mod out_of_range;
mod partition;
mod poll_thread;
mod reader;
mod rebalance;
mod receive;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use cqrs_core::ports::{Reader, Source, SourceError};
use rdkafka::ClientConfig;
use tokio::sync::{mpsc, oneshot, watch};

pub use self::reader::KafkaReader;
use self::{
    assignment::Assignment,
    offers::ReaderOffers,
    poll_thread::{ConsumerOptions, PollThread},
};
use crate::KafkaError;

/// What a source needs to join its group.
pub(crate) struct SourceOptions {
    pub(crate) client: ClientConfig,
    pub(crate) group: String,
    pub(crate) topics: Vec<String>,
    /// The prefix of the topics of categories.
    pub(crate) prefix: String,
    pub(crate) drain_timeout: Duration,
}

/// A member of a consumer group, the source of a [`Runner`](cqrs_core::Runner).
/// [`KafkaGroup::join`](crate::KafkaGroup::join) creates it.
///
/// Stopping it finishes the current batches and leaves the group. Dropping it does the same in the background.
pub struct KafkaSource {
    group: String,
    offers: mpsc::UnboundedReceiver<Result<KafkaReader, SourceError>>,
    /// `true` stops the member. The receivers live as long as the poll thread and the readers.
    stop: watch::Sender<bool>,
    /// Resolves when the poll thread has left the group; `None` after that.
    left: Option<oneshot::Receiver<()>>,
}

impl KafkaSource {
    pub(crate) fn start(options: SourceOptions) -> Result<Self, KafkaError> {
        let (offer, offers) = mpsc::unbounded_channel();
        let (stop, stopping) = watch::channel(false);
        let (assignment, commands) = Assignment::new(stopping, options.drain_timeout);
        let group = options.group.clone();
        let consumer = ConsumerOptions {
            client: options.client,
            group: options.group,
            topics: options.topics,
            prefix: options.prefix,
        };
        let left = PollThread::spawn(consumer, ReaderOffers::new(assignment, offer), commands)?;
        Ok(Self {
            group,
            offers,
            stop,
            left: Some(left),
        })
    }
}

#[async_trait]
impl Source for KafkaSource {
    type Reader = KafkaReader;

    async fn assigned(&mut self) -> Result<Option<KafkaReader>, SourceError> {
        while let Some(left) = &mut self.left {
            tokio::select! {
                biased;
                Some(offer) = self.offers.recv() => match offer {
                    // Revoked before anybody received it.
                    Ok(reader) if reader.revoked() => drop(reader),
                    offer => return offer.map(Some),
                },
                // The sender is dropped without a value if the thread fails, which ends the membership as well.
                _ = left => self.left = None,
            }
        }
        self.offers.close();
        while let Ok(offer) = self.offers.try_recv() {
            drop(offer?);
        }
        self.stop.closed().await;
        Ok(None)
    }

    fn stop(&mut self) {
        self.stop.send_replace(true);
    }
}

impl Drop for KafkaSource {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

impl fmt::Debug for KafkaSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSource")
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}
