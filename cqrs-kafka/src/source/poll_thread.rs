//! The thread that owns the consumer: polls, carries out commands, and leaves the group at the end.

mod commands;
mod unknown_topics;

use std::{
    panic::{self, AssertUnwindSafe},
    sync::mpsc::Receiver,
    time::{Duration, Instant},
};

use cqrs_core::ports::SourceError;
use rdkafka::{
    ClientConfig, Message,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError as LibraryError,
    message::BorrowedMessage,
};
use tokio::sync::oneshot;

use super::{
    admission::Admission,
    assignment::{Assignment, PollCommand},
    consumer_error::{ErrorAction, action_for},
    flow::pause,
    group_members::Members,
    missing_topic::MissingTopic,
    offers::ReaderOffers,
    out_of_range::stop_out_of_range,
    partition::FlowChange,
    positions::note_positions,
    rebalance::RebalanceListener,
    receive::receive,
};
use crate::{
    error::{ClientError, KafkaError, invalid_setting},
    logging::Callbacks,
    wire::Decoder,
};

/// How long a poll waits for a record. Commands wait in the meantime.
const POLL_WAIT: Duration = Duration::from_millis(10);

/// How many records to take before the thread checks for commands again.
const RECORDS_PER_ROUND: usize = 256;

/// The time between two looks at how far everything has arrived.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(1);

/// How long to wait for a response of a broker or of librdkafka's own threads.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to wait for the answer whether a topic exists. Everything else waits meanwhile.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(1);

/// The time between two questions for the members of the group.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// The options of the consumer.
pub(super) struct ConsumerOptions {
    pub(super) client: ClientConfig,
    pub(super) callbacks: Callbacks,
    pub(super) admission: Admission,
    pub(super) group: String,
    pub(super) topics: Vec<String>,
    /// The prefix of the topics of categories.
    pub(super) prefix: String,
}

pub(super) struct PollThread {
    consumer: BaseConsumer<RebalanceListener>,
    group: String,
    offers: ReaderOffers,
    commands: Receiver<PollCommand>,
    decoder: Decoder,
    topics: Vec<String>,
    /// A topic that the brokers do not know.
    missing: Option<MissingTopic>,
    /// When the members of the group were asked for last.
    looked: Option<Instant>,
    /// Set after an error that stops the source.
    failed: bool,
    /// When the partitions were last told how far everything has arrived.
    followed: Instant,
}

impl PollThread {
    /// Starts the thread. The receiver resolves when it has left the group.
    pub(super) fn spawn(
        options: ConsumerOptions,
        offers: ReaderOffers,
        commands: Receiver<PollCommand>,
    ) -> Result<oneshot::Receiver<()>, KafkaError> {
        let listener = RebalanceListener::new(offers.clone(), options.callbacks, options.admission);
        let consumer: BaseConsumer<RebalanceListener> = options
            .client
            .create_with_context(listener)
            .map_err(|error| invalid_setting(&options.client, error))?;
        let topics: Vec<&str> = options.topics.iter().map(String::as_str).collect();
        let subscribed = consumer.subscribe(&topics);
        subscribed.map_err(|error| invalid_setting(&options.client, error))?;
        let thread = Self {
            consumer,
            group: options.group,
            offers,
            commands,
            decoder: Decoder::new(options.prefix),
            topics: options.topics,
            missing: None,
            looked: None,
            failed: false,
            followed: Instant::now(),
        };
        let (leaving, left) = oneshot::channel();
        let run = move || {
            thread.run_and_report();
            // Nobody receives it if the source was dropped.
            let _ = leaving.send(());
        };
        std::thread::Builder::new()
            .name("kafka-poll".to_owned())
            .spawn(run)
            .map_err(|error| KafkaError::Internal {
                context: "the thread that polls Kafka does not start",
                source: error.into(),
            })?;
        Ok(left)
    }

    fn run_and_report(self) {
        let offers = self.offers.clone();
        if panic::catch_unwind(AssertUnwindSafe(|| self.run())).is_err() {
            let error = SourceError::Fatal("the thread that polls Kafka panicked".into());
            offers.assignment.reporter.ended(None, Some(&error));
            offers.fail(error);
            offers.assignment.lose(&offers.assignment.all());
        }
    }

    fn run(mut self) {
        while !self.assignment().is_stopping() && !self.failed {
            while let Ok(command) = self.commands.try_recv() {
                self.carry_out(command);
            }
            self.poll();
            self.follow();
            self.await_topic();
            self.look_at_members();
        }
        note_positions(&self.consumer, self.assignment());
        self.assignment().take_back(&self.assignment().all());
        if !self.failed {
            self.assignment().reporter.ended(None, None);
        }
        // This leaves the group. It must happen on this thread.
        drop(self.consumer);
    }

    fn assignment(&self) -> &Assignment {
        &self.offers.assignment
    }

    /// Waits for a record, then takes the others that are there.
    fn poll(&mut self) {
        let mut wait = POLL_WAIT;
        for _ in 0..RECORDS_PER_ROUND {
            match self.consumer.poll(wait) {
                None => return,
                Some(Ok(record)) => {
                    let assignment = &self.offers.assignment;
                    deliver(&self.consumer, assignment, &mut self.decoder, &record);
                }
                Some(Err(error)) => {
                    self.handle_error(error);
                    return;
                }
            }
            wait = Duration::ZERO;
        }
    }

    fn handle_error(&mut self, error: LibraryError) {
        match action_for(&error) {
            ErrorAction::Retry => {
                tracing::warn!(%error, "reading from Kafka is delayed");
                self.assignment().reporter.noted(&ClientError::from(error));
            }
            ErrorAction::StopPartition => {
                stop_out_of_range(&self.consumer, self.assignment(), RESPONSE_TIMEOUT);
            }
            ErrorAction::AwaitTopic(advice) => {
                tracing::warn!(%error, "the brokers do not know a topic; waiting for it");
                let cause = ClientError::from(error.clone());
                self.assignment().reporter.noted(&cause);
                self.missing
                    .get_or_insert_with(|| MissingTopic::new(advice, error, Instant::now()));
            }
            ErrorAction::TopicDenied => {
                let topics = self.topics.iter().map(|topic| format!("topic {topic:?}"));
                self.stop_with(KafkaError::Denied {
                    resource: Vec::from_iter(topics).join(" or "),
                    operations: "READ",
                    source: ClientError::from(error).into(),
                });
            }
            ErrorAction::StopSource(advice) => self.stop_source(advice, error),
        }
    }

    fn stop_source(&mut self, advice: &'static str, error: LibraryError) {
        self.stop_with(KafkaError::ConsumerStopped {
            group: self.group.clone(),
            advice,
            source: ClientError::from(error).into(),
        });
    }

    fn stop_with(&mut self, error: KafkaError) {
        self.assignment().reporter.ended(None, Some(&error));
        self.offers.fail(error.into());
        self.failed = true;
    }

    /// Tells the partitions now and then how far everything has arrived.
    fn follow(&mut self) {
        if self.followed.elapsed() >= FOLLOW_INTERVAL {
            note_positions(&self.consumer, self.assignment());
            self.followed = Instant::now();
        }
    }

    /// Offers the partitions that the group has assigned, once the group is known to have no other subscriber.
    fn look_at_members(&mut self) {
        let listener = self.consumer.context();
        let Some(mark) = listener.admission.to_compare() else {
            return;
        };
        if self
            .looked
            .is_some_and(|looked| looked.elapsed() < LOOK_INTERVAL)
        {
            return;
        }
        self.looked = Some(Instant::now());
        let members = mark.members(&self.consumer, &self.group, QUESTION_TIMEOUT);
        match members {
            Ok(Members::OurOwn) => match self.consumer.assignment() {
                Ok(assigned) => listener.admit(&assigned),
                Err(error) => self.members_unknown(error),
            },
            Ok(Members::NotAmongThem) => {
                tracing::debug!(
                    group = self.group,
                    "the group does not list this member yet"
                );
            }
            Ok(Members::Shared(other)) => {
                let error = other.refused(&self.group, mark);
                self.stop_with(error);
            }
            Err(error) => self.members_unknown(error),
        }
    }

    fn members_unknown(&self, error: LibraryError) {
        tracing::warn!(group = self.group, %error, "reading waits until the members of the group are known");
        self.assignment().reporter.noted(&ClientError::from(error));
    }
}

fn deliver(
    consumer: &BaseConsumer<RebalanceListener>,
    assignment: &Assignment,
    decoder: &mut Decoder,
    record: &BorrowedMessage<'_>,
) {
    let Some(partition) = assignment.find(record.topic(), record.partition()) else {
        return;
    };
    if receive(&partition, decoder, record) == FlowChange::Pause {
        pause(consumer, &partition);
    }
}
