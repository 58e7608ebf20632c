//! A member of a consumer group as a source of batches. Each partition is read from the checkpoint in the database.
//!
//! ```text
//! poll thread:  librdkafka -> rebalance -> offers a reader           -> KafkaSource::assigned
//!                          -> record    -> decodes -> AssignedPartition -> KafkaReader::next
//!               start, resume, release  <- PollCommand               <- KafkaReader
//! ```
//!
//! Only the poll thread uses the consumer, and it never waits for the database: a partition is assigned *paused*, and its
//! reader says where to start. So the member stays in the group while the database is down.

mod admission;
mod all_headers;
mod assignment;
mod checkpoint_check;
mod consumer_error;
mod ends;
mod first_record;
mod flow;
mod group_members;
mod member;
mod missing_topic;
mod offers;
pub(crate) mod open_transactions;
mod out_of_range;
mod partition;
mod poll_thread;
mod positions;
mod reader;
mod rebalance;
mod receive;

use std::{fmt, ops::RangeInclusive, sync::Arc, time::Duration};

use cqrs_core::{
    model::{Offset, PartitionId},
    ports::{FoundRecord, RecordSource, Source, SourceError, Subscriber},
    run_loop::{Progress, ProgressReporter},
};
use rdkafka::ClientConfig;
use tokio::{sync::watch, task::JoinHandle};

pub use self::reader::KafkaReader;
use self::{
    ends::{find_ends, find_ranges},
    first_record::find_first,
    member::Member,
};
use crate::{
    blocking::{not_finished, run_blocking},
    config::KafkaConfig,
    error::KafkaError,
};

/// What a source needs to join its group.
pub(crate) struct SourceOptions {
    pub(crate) config: KafkaConfig,
    /// The settings of the consumer.
    pub(crate) client: ClientConfig,
    pub(crate) group: String,
    pub(crate) topics: Vec<String>,
    pub(crate) drain_timeout: Duration,
}

impl fmt::Debug for SourceOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceOptions")
            .field("group", &self.group)
            .field("topics", &self.topics)
            .finish_non_exhaustive()
    }
}

/// A member of a consumer group, the source of a [`Runner`](cqrs_core::Runner).
///
/// [`KafkaGroup::source`](crate::KafkaGroup::source) creates it. It joins the group when the runner starts, and retries
/// until a broker responds. It reads nothing while the group has a member for another subscription or another store.
///
/// Stopping it finishes the current batches and leaves the group, unless it is a static member. Dropping it does the
/// same in the background.
pub struct KafkaSource {
    options: Arc<SourceOptions>,
    /// Who reads; `None` until the runner has said so.
    subscriber: Option<Subscriber>,
    membership: Membership,
    /// `true` stops the member. The receivers live as long as the poll thread and the readers.
    stop: watch::Sender<bool>,
    reporter: ProgressReporter,
}

enum Membership {
    NotJoined,
    Joining(JoinHandle<Result<Member, KafkaError>>),
    Joined(Member),
}

impl KafkaSource {
    pub(crate) fn new(options: SourceOptions) -> Self {
        Self {
            options: Arc::new(options),
            subscriber: None,
            membership: Membership::NotJoined,
            stop: watch::channel(false).0,
            reporter: ProgressReporter::default(),
        }
    }

    /// The progress of the member, while it runs and after it has left: its partitions, how far each was handed to the
    /// runner, and the last error of the connection.
    ///
    /// [`Runner::progress`](cqrs_core::Runner::progress) shows how far the events were handled.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.reporter.progress()
    }

    /// Asks the brokers for the topics and their settings.
    pub(crate) async fn check(&self) -> Result<(), KafkaError> {
        let options = Arc::clone(&self.options);
        run_blocking(move || Member::check(&options).map(drop)).await?
    }

    /// Joins the group, unless it is a member. Cancel-safe.
    async fn join(&mut self) -> Result<(), KafkaError> {
        if matches!(self.membership, Membership::NotJoined) {
            let options = Arc::clone(&self.options);
            let stopping = self.stop.subscribe();
            let reporter = self.reporter.clone();
            let subscriber = self.subscriber.clone();
            let join = move || Member::join(&options, subscriber, stopping, reporter);
            self.membership = Membership::Joining(tokio::task::spawn_blocking(join));
        }
        if let Membership::Joining(joining) = &mut self.membership {
            let joined = joining.await;
            self.membership = Membership::NotJoined;
            self.membership = Membership::Joined(joined.map_err(not_finished)??);
        }
        Ok(())
    }

    /// Whether the source was stopped while it was not a member. Then it never joins.
    fn never_joins(&self) -> bool {
        matches!(self.membership, Membership::NotJoined) && *self.stop.borrow()
    }
}

impl Source for KafkaSource {
    type Reader = KafkaReader;

    fn read_for(&mut self, subscriber: Subscriber) {
        self.subscriber = Some(subscriber);
    }

    async fn assigned(&mut self) -> Result<Option<KafkaReader>, SourceError> {
        if !self.never_joins()
            && let Err(error) = self.join().await
        {
            self.reporter.retrying(None, &error);
            return Err(error.into());
        }
        if let Membership::Joined(member) = &mut self.membership
            && let Some(offer) = member.next().await
        {
            return offer.map(Some);
        }
        self.stop.closed().await;
        Ok(None)
    }

    async fn ends(&mut self) -> Result<Vec<(PartitionId, Offset)>, SourceError> {
        let options = Arc::clone(&self.options);
        let ends = run_blocking(move || find_ends(&options)).await?;
        Ok(ends?)
    }

    async fn ranges(&mut self) -> Result<Vec<(PartitionId, RangeInclusive<Offset>)>, SourceError> {
        let options = Arc::clone(&self.options);
        let ranges = run_blocking(move || find_ranges(&options)).await?;
        Ok(ranges?)
    }

    fn stop(&mut self) {
        self.stop.send_replace(true);
    }
}

impl RecordSource for KafkaSource {
    async fn first_record(
        &self,
        partition: &PartitionId,
        from: Option<Offset>,
    ) -> Result<Option<FoundRecord>, SourceError> {
        let options = Arc::clone(&self.options);
        let partition = partition.clone();
        run_blocking(move || find_first(&options, &partition, from)).await?
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
            .field("group", &self.options.group)
            .finish_non_exhaustive()
    }
}
