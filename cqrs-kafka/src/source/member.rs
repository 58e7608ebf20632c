//! Joins the group, and receives the readers that the poll thread offers.

use std::{sync::Arc, time::Duration};

use cqrs_core::{
    ports::{Reader, SourceError, Subscriber},
    run_loop::ProgressReporter,
};
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    SourceOptions,
    admission::Admission,
    assignment::Assignment,
    checkpoint_check::CheckpointCheck,
    group_members::{Mark, Members},
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

/// How long to wait for the list of members before the group is joined.
const LOOK_TIMEOUT: Duration = Duration::from_secs(1);

/// A member of the group.
pub(super) struct Member {
    offers: mpsc::UnboundedReceiver<Result<KafkaReader, SourceError>>,
    /// Resolves when the poll thread has left the group; `None` after that.
    left: Option<oneshot::Receiver<()>>,
}

impl Member {
    /// Checks that the topics exist and keep their events. Blocks.
    pub(super) fn check(options: &SourceOptions) -> Result<ClusterClient, KafkaError> {
        if options.topics.is_empty() {
            let group = options.group.clone();
            return Err(KafkaError::NoTopics { group });
        }
        if options.client.get("group.protocol") == Some("consumer") {
            let source = "group.protocol: a KafkaGroup supports only \"classic\", the default; remove the setting";
            return Err(KafkaError::InvalidSetting {
                source: source.into(),
            });
        }
        let cluster = ClusterClient::connect(&options.config)?;
        for topic in &options.topics {
            cluster.partitions_in_time(topic)?;
        }
        let names = options.topics.iter().map(String::as_str);
        topic_settings::check(&options.config, &cluster, names, TopicUse::Events)?;
        Ok(cluster)
    }

    /// Checks the topics, and joins the group unless somebody else is in it. Blocks.
    pub(super) fn join(
        options: &Arc<SourceOptions>,
        subscriber: Option<Subscriber>,
        stopping: watch::Receiver<bool>,
        reporter: ProgressReporter,
    ) -> Result<Self, KafkaError> {
        let cluster = Self::check(options)?;
        // librdkafka's in-process cluster cannot list the members of a group.
        let is_embedded = cluster.is_embedded()?;
        let mark = subscriber.map(Mark::new).filter(|_| !is_embedded);
        let mut client = options.client.clone();
        if let Some(mark) = &mark {
            refuse_others(mark, &options.group, &cluster)?;
            mark.put_on(&mut client);
        }
        let check = CheckpointCheck::new(Arc::clone(options));
        let (assignment, commands) =
            Assignment::new(stopping, Arc::clone(options), reporter, check);
        let (offer, offers) = mpsc::unbounded_channel();
        let consumer = ConsumerOptions {
            client,
            admission: Admission::new(mark),
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

/// Does not join a group that has another subscriber, so that the group does not rebalance for nothing. The poll thread looks
/// again when the group has assigned partitions, and then nobody can come in between.
fn refuse_others(mark: &Mark, group: &str, cluster: &ClusterClient) -> Result<(), KafkaError> {
    match mark.members(cluster.consumer(), group, LOOK_TIMEOUT) {
        Ok(Members::Shared(other)) => Err(other.refused(group, mark)),
        Ok(Members::OurOwn | Members::NotAmongThem) => Ok(()),
        Err(error) => {
            tracing::debug!(%error, group, "the members of the group are not known yet");
            Ok(())
        }
    }
}
