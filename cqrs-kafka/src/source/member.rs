//! Joins the group, and receives the readers that the poll thread offers.

use cqrs_core::{
    ports::{Reader, SourceError},
    run_loop::ProgressReporter,
};
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    SourceOptions,
    assignment::Assignment,
    offers::ReaderOffers,
    poll_thread::{ConsumerOptions, PollThread},
    reader::KafkaReader,
};
use crate::{
    cluster::ClusterClient,
    error::KafkaError,
    logging::Callbacks,
    topic_settings::{self, TopicUse},
};

/// A member of the group.
pub(super) struct Member {
    offers: mpsc::UnboundedReceiver<Result<KafkaReader, SourceError>>,
    /// Resolves when the poll thread has left the group; `None` after that.
    left: Option<oneshot::Receiver<()>>,
}

impl Member {
    /// Checks that the topics exist, then joins the group. Blocks.
    pub(super) fn join(
        options: &SourceOptions,
        stopping: watch::Receiver<bool>,
        reporter: ProgressReporter,
    ) -> Result<Self, KafkaError> {
        if options.topics.is_empty() {
            let group = options.group.clone();
            return Err(KafkaError::NoTopics { group });
        }
        let cluster = ClusterClient::connect(&options.config)?;
        for topic in &options.topics {
            cluster.partitions_in_time(topic)?;
        }
        let names = options.topics.iter().map(String::as_str);
        topic_settings::check(&options.config, &cluster, names, TopicUse::Events)?;
        let (assignment, commands) = Assignment::new(stopping, options.drain_timeout, reporter);
        let (offer, offers) = mpsc::unbounded_channel();
        let consumer = ConsumerOptions {
            client: options.client.clone(),
            callbacks: Callbacks::new(&options.config),
            group: options.group.clone(),
            topics: options.topics.clone(),
            prefix: options.config.prefix().to_owned(),
        };
        let left = PollThread::spawn(consumer, ReaderOffers::new(assignment, offer), commands)?;
        Ok(Self {
            offers,
            left: Some(left),
        })
    }

    /// The next reader, or why there are no more; `None` when the member has left the group. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Result<KafkaReader, SourceError>> {
        while let Some(left) = &mut self.left {
            tokio::select! {
                biased;
                Some(offer) = self.offers.recv() => match offer {
                    // Revoked before anybody received it.
                    Ok(reader) if reader.revoked() => drop(reader),
                    offer => return Some(offer),
                },
                // The sender is dropped without a value if the thread fails, which ends the membership as well.
                _ = left => self.left = None,
            }
        }
        self.offers.close();
        while let Ok(offer) = self.offers.try_recv() {
            if offer.is_err() {
                return Some(offer);
            }
        }
        None
    }
}
