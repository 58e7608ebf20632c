//! The errors of setting up Kafka, publishing to it and reading from it.

use std::{error::Error, fmt, time::Duration};

use cqrs_core::ports::{BoxError, PublishError, SourceError, Subscriber};
use rdkafka::{
    ClientConfig,
    error::{KafkaError as LibraryError, RDKafkaErrorCode as Code},
};

use crate::transient::{advice, passes};

/// Why Kafka cannot be used as it is set up.
///
/// Each message names the topic or setting and says what to do. The error of librdkafka or of the broker is in
/// [`source`](Error::source).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KafkaError {
    /// No broker responds.
    #[error(
        "no broker of {brokers:?} responded within {waited:?}; start Kafka, or correct the brokers and security settings \
         of the KafkaConfig"
    )]
    Unreachable {
        /// The brokers of the [`KafkaConfig`](crate::KafkaConfig).
        brokers: String,
        /// How long the client waited.
        waited: Duration,
        /// The last error of the connection.
        source: BoxError,
    },
    /// Brokers and client do not agree on TLS, or do not accept each other's certificate.
    #[error("TLS with {brokers:?} failed; {advice}")]
    TlsFailed {
        /// The brokers of the [`KafkaConfig`](crate::KafkaConfig).
        brokers: String,
        /// What to do.
        advice: &'static str,
        /// What the handshake found.
        source: BoxError,
    },
    /// The brokers reject the user.
    #[error(
        "the brokers {brokers:?} reject the login; correct user, password or token, and the mechanism, in the KafkaConfig"
    )]
    LoginFailed {
        /// The brokers of the [`KafkaConfig`](crate::KafkaConfig).
        brokers: String,
        /// The broker's response.
        source: BoxError,
    },
    /// The connection to a broker elsewhere would not be encrypted.
    #[error(
        "broker {broker:?} is not on this machine, and the connection would not be encrypted; set security.protocol to ssl or \
         sasl_ssl, or call KafkaConfig::allow_plaintext if nobody else can read or change what goes over this network"
    )]
    PlaintextRefused {
        /// The broker.
        broker: String,
    },
    /// librdkafka rejects a setting.
    #[error("a setting of the KafkaConfig is not valid")]
    InvalidSetting {
        /// Which one, and why. Never its value, which may be a password.
        source: BoxError,
    },
    /// A consumer group has no topics.
    #[error("group {group:?} has no topics; add some with `categories` or `topics`")]
    NoTopics {
        /// The group.
        group: String,
    },
    /// A consumer group does not read a topic.
    #[error(
        "group {group:?} does not read {partition}; it reads {topics}: correct the name, or the topics of the group"
    )]
    NotRead {
        /// The group.
        group: String,
        /// The partition that it was asked for.
        partition: String,
        /// Its topics.
        topics: String,
    },
    /// The group has a member that reads for another subscription, or for another store.
    #[error(
        "group {group:?} has a member with the client id {other:?} at {host}, and this process reads for {subscriber}: they would \
         share the partitions, and each would get only a part of the events. Give each subscription of each store a group of \
         its own; the group keeps nothing that a new name would lose. If the other one has ended, start again after its session \
         time-out"
    )]
    GroupShared {
        /// The group.
        group: String,
        /// For whom this process reads.
        subscriber: Subscriber,
        /// The client id of the other member. That of a runner ends with its subscription and the place of its store.
        other: String,
        /// The address of the other member.
        host: String,
    },
    /// Kafka does not accept a name for a topic or group.
    #[error("{name:?} cannot be a name in Kafka: it {reason}")]
    InvalidName {
        /// The name.
        name: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// A topic does not exist.
    #[error(
        "topic {topic:?} does not exist on {brokers:?}; create it with KafkaTopics, or correct the name and prefix"
    )]
    TopicMissing {
        /// The topic.
        topic: String,
        /// The brokers of the [`KafkaConfig`](crate::KafkaConfig).
        brokers: String,
    },
    /// The user lacks rights.
    #[error(
        "Kafka denies access to {resource}; grant {operations} on it to the user of the KafkaConfig"
    )]
    Denied {
        /// A topic, group, cluster or transactional id.
        resource: String,
        /// The operations that must be allowed.
        operations: &'static str,
        /// The broker's response.
        source: BoxError,
    },
    /// A setting of a topic would lose what was written to it.
    #[error("topic {topic:?} has {setting}={found}: {why}; set it to {needed}, and start again")]
    TopicSetting {
        /// The topic.
        topic: String,
        /// The setting of the topic.
        setting: &'static str,
        /// Its value.
        found: String,
        /// The value that it needs.
        needed: &'static str,
        /// What the found value does.
        why: &'static str,
    },
    /// A topic could not be created.
    #[error("topic {topic:?} could not be created on {brokers:?}")]
    TopicNotCreated {
        /// The topic.
        topic: String,
        /// The brokers of the [`KafkaConfig`](crate::KafkaConfig).
        brokers: String,
        /// The broker's response.
        source: BoxError,
    },
    /// The progress topic has fewer partitions than the relay has shards.
    #[error(
        "the progress topic {topic:?} has {partitions} partitions, fewer than the {shards} shards of relay {relay:?}; \
         give it {shards} partitions, or run the relay with fewer shards"
    )]
    ProgressTopicTooSmall {
        /// The progress topic.
        topic: String,
        /// How many partitions it has.
        partitions: usize,
        /// The relay.
        relay: String,
        /// How many shards it was started with.
        shards: u16,
    },
    /// The relay has published with another number of shards before.
    #[error(
        "relay {relay:?} was started with {requested} shards, but has published with {recorded} so far (topic \
         {topic:?}); another number would publish events again or out of order. Start it with \
         {recorded} shards"
    )]
    ShardsChanged {
        /// The relay.
        relay: String,
        /// The progress topic.
        topic: String,
        /// The number of shards in the progress topic.
        recorded: u16,
        /// The number of shards it was started with.
        requested: u16,
    },
    /// The progress topic was copied from another cluster.
    #[error(
        "the progress topic {topic:?} was written on cluster {recorded:?}, but this is cluster {found:?}: a copy does \
         not say which events were published here. Correct the brokers; or delete the copy, create the topic \
         with KafkaTopics, and call Relay::recover once"
    )]
    OtherCluster {
        /// The progress topic.
        topic: String,
        /// The cluster that the topic was written on.
        recorded: String,
        /// The cluster that the relay is connected to.
        found: String,
    },
    /// The progress topic is that of another log.
    #[error(
        "relay {relay:?} has published log {recorded} so far (topic {topic:?}), and this database has log {found}; give each \
         database its own topic prefix"
    )]
    OtherLog {
        /// The relay.
        relay: String,
        /// The progress topic.
        topic: String,
        /// The id of the log that the relay has published.
        recorded: String,
        /// The id of the log of the store.
        found: String,
    },
    /// The database is a copy of the one whose events the relay has published, or was moved.
    #[error(
        "relay {relay:?} has published the same log at {recorded:?} so far (topic {topic:?}), and this database is at \
         {found:?}: it is a copy, or was moved. Give a copy other brokers or another topic prefix. If it was moved and the \
         other one is never used again, call Relay::recover once"
    )]
    CopiedLog {
        /// The relay.
        relay: String,
        /// The progress topic.
        topic: String,
        /// Where the log was when the relay published it last.
        recorded: String,
        /// Where it is now.
        found: String,
    },
    /// A topic no longer has what the relay has published there.
    #[error(
        "topic {topic:?} has lost what relay {relay:?} has published: partition {partition}, offset {offset} held event \
         {event}, now {found}. The topic was deleted and created again, or has lost its end. Restore it; or create it with \
         KafkaTopics, with as many partitions as before, and call Relay::publish_again once, which publishes everything from the \
         beginning, and Runner::rewind once for each subscription, which handles what it did not have"
    )]
    TopicLost {
        /// The relay.
        relay: String,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset of the last record of the relay there.
        offset: i64,
        /// The id of the event in that record.
        event: String,
        /// What is there now.
        found: String,
    },
    /// A topic has another number of partitions than before.
    #[error(
        "topic {topic:?} had {recorded} partitions when relay {relay:?} began to publish there, and has {found} now: events \
         of a stream would go to another partition and lose their order. Wait until every subscription has read the topic to \
         its end, then call Relay::recover once"
    )]
    PartitionsChanged {
        /// The relay.
        relay: String,
        /// The topic.
        topic: String,
        /// How many partitions it had.
        recorded: usize,
        /// How many it has.
        found: usize,
    },
    /// Everything was to be published again, to a topic with another number of partitions than before.
    #[error(
        "topic {topic:?} has {found} partitions, and had {recorded} when relay {relay:?} published there: subscriptions know by \
         partition what they had, and would handle it again. Create the topic with {recorded} partitions, then repeat the call"
    )]
    OtherPartitions {
        /// The relay.
        relay: String,
        /// The topic.
        topic: String,
        /// How many partitions it had.
        recorded: usize,
        /// How many it has.
        found: usize,
    },
    /// A topic has events of this log, and the relay's progress does not know them.
    #[error(
        "topic {topic:?} has events of this log up to position {position}, but the progress of relay {relay:?} does not say so \
         (topic {progress:?}): the progress was lost, or a relay of another name has published them. If another one publishes \
         this log, do not start this one: each event would be published twice. Otherwise call Relay::recover once: the relay \
         continues after what the topics have"
    )]
    ProgressLost {
        /// The relay.
        relay: String,
        /// The progress topic.
        progress: String,
        /// The topic with the events.
        topic: String,
        /// The position of one of them.
        position: String,
    },
    /// A record of a progress topic has a relay's key and not a relay's content.
    #[error(
        "topic {topic:?}, partition {partition}, offset {offset}: not a record of a relay's progress; only relays of \
         one name may write to this topic. Delete it, create it with KafkaTopics, and call Relay::recover once"
    )]
    InvalidProgress {
        /// The progress topic.
        topic: String,
        /// The partition: the number of the shard.
        partition: u16,
        /// The offset of the record.
        offset: i64,
        /// What is wrong with it.
        source: BoxError,
    },
    /// The topic of a category is the relay's progress topic.
    #[error(
        "the topic of category {category:?} would be {topic:?}, the progress topic of relay {relay:?}; rename the \
         category, or start the relay under another name"
    )]
    CategoryIsProgress {
        /// The category.
        category: String,
        /// The topic of both.
        topic: String,
        /// The relay.
        relay: String,
    },
    /// The broker does not accept a record, and never will.
    #[error(
        "topic {topic:?} does not accept the record; look up the cause below in Kafka's documentation, correct the \
         settings of topic and broker, then start the relay again"
    )]
    RecordRejected {
        /// The topic.
        topic: String,
        /// The response of the broker or of librdkafka.
        source: BoxError,
    },
    /// The producer of a relay cannot continue.
    #[error("the producer with transactional id {transactional_id:?} cannot continue; {advice}")]
    ProducerStopped {
        /// The transactional id of the shard.
        transactional_id: String,
        /// What to do.
        advice: &'static str,
        /// The error of the producer.
        source: BoxError,
    },
    /// A topic cannot be read.
    #[error("topic {topic:?} cannot be read; {advice}")]
    TopicUnreadable {
        /// The topic.
        topic: String,
        /// What to do.
        advice: &'static str,
        /// The error of the consumer.
        source: BoxError,
    },
    /// The broker does not support transactions.
    #[error("the broker does not support transactions; use Apache Kafka 4, or a compatible broker")]
    NoTransactions {
        /// The broker's response.
        source: BoxError,
    },
    /// The broker does not allow transactions that last this long.
    #[error(
        "Kafka rejects the transaction.timeout.ms of transactional id {transactional_id:?}; set it below the broker's \
         transaction.max.timeout.ms"
    )]
    TransactionTimeout {
        /// The transactional id of the shard.
        transactional_id: String,
        /// The broker's response.
        source: BoxError,
    },
    /// A record is larger than the producer or the topic allows.
    #[error(
        "its record of {bytes} bytes is too large (message.max.bytes of this producer: {limit}); raise message.max.bytes \
         in the KafkaConfig and max.message.bytes of topic {topic:?}, then start the relay again"
    )]
    RecordTooLarge {
        /// The topic.
        topic: String,
        /// The size of the record, approximately.
        bytes: usize,
        /// The producer's limit.
        limit: String,
        /// The response of the broker or of librdkafka.
        source: BoxError,
    },
    /// The consumer cannot continue.
    #[error("group {group:?} cannot continue; {advice}")]
    ConsumerStopped {
        /// The group.
        group: String,
        /// What to do.
        advice: &'static str,
        /// The error of the consumer.
        source: BoxError,
    },
    /// Something failed inside this process.
    #[error("{context}")]
    Internal {
        /// What failed.
        context: &'static str,
        /// Why.
        source: BoxError,
    },
}

impl KafkaError {
    /// Whether the same call may succeed later without a change of settings, rights or topics.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

impl From<KafkaError> for PublishError {
    fn from(error: KafkaError) -> Self {
        match error {
            KafkaError::Unreachable { .. } => Self::Unavailable(error.into()),
            KafkaError::Internal { .. } => Self::Reopen(error.into()),
            error => Self::Misconfigured(error.into()),
        }
    }
}

impl From<KafkaError> for SourceError {
    fn from(error: KafkaError) -> Self {
        if error.is_retryable() {
            Self::Unavailable(error.into())
        } else {
            Self::Fatal(error.into())
        }
    }
}

/// An error of rdkafka as the end of a chain. rdkafka prints the source of an error together with the error, so a
/// report that walks the chain would print it twice. Settings are named without their values: one may be a password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ClientError(LibraryError);

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            LibraryError::ClientConfig(_, reason, key, _) => write!(f, "{key}: {reason}"),
            other => other.fmt(f),
        }
    }
}

impl fmt::Debug for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientError({self})")
    }
}

impl Error for ClientError {}

impl From<LibraryError> for ClientError {
    fn from(error: LibraryError) -> Self {
        Self(error)
    }
}

/// The error for a client that could not be created from its settings, without the values that librdkafka quotes: one of them
/// may be a password under a wrong key. The paths of files stay.
pub(crate) fn invalid_setting(client: &ClientConfig, error: LibraryError) -> KafkaError {
    let may_be_secret = |key: &str, value: &str| {
        let is_known =
            key.ends_with(".location") || matches!(key, "bootstrap.servers" | "client.id");
        !is_known && value.len() > 3 && !matches!(value, "true" | "false")
    };
    let mut reason = ClientError(error).to_string();
    for (key, value) in client.config_map() {
        if may_be_secret(key, value) {
            reason = reason.replace(value, "(its value)");
        }
    }
    KafkaError::InvalidSetting {
        source: reason.into(),
    }
}

/// The error for a topic that a consumer of one partition cannot read; `None` if the consumer retries by itself.
pub(crate) fn unreadable(topic: &str, error: &LibraryError) -> Option<KafkaError> {
    let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
    if passes(code) && !matches!(error, LibraryError::MessageConsumptionFatal(_)) {
        return None;
    }
    if code == Code::TopicAuthorizationFailed {
        return Some(denied(format!("topic {topic:?}"), "READ", code));
    }
    Some(KafkaError::TopicUnreadable {
        topic: topic.to_owned(),
        advice: advice(code),
        source: code.into(),
    })
}

/// The error for an operation that the user's rights do not cover.
pub(crate) fn denied(resource: String, operations: &'static str, code: Code) -> KafkaError {
    KafkaError::Denied {
        resource,
        operations,
        source: code.into(),
    }
}

/// The error for a failure that no setting explains.
pub(crate) fn internal(context: &'static str, error: LibraryError) -> KafkaError {
    KafkaError::Internal {
        context,
        source: ClientError(error).into(),
    }
}

#[cfg(test)]
mod tests {
    use cqrs_core::chain;
    use rdkafka::types::RDKafkaConfRes;

    use super::*;

    #[test]
    fn a_report_names_a_setting_but_not_its_value() {
        let rejected = LibraryError::ClientConfig(
            RDKafkaConfRes::RD_KAFKA_CONF_INVALID,
            "bad value".to_owned(),
            "sasl.password".to_owned(),
            "hunter2".to_owned(),
        );
        let error = invalid_setting(&ClientConfig::new(), rejected);
        let shown = format!("{} {error:?}", chain(&error));
        assert!(shown.contains("sasl.password: bad value"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn a_report_prints_an_error_of_the_client_once() {
        let error = internal("it failed", LibraryError::Flush(Code::QueueFull));
        let text = Code::QueueFull.to_string();
        assert_eq!(chain(&error).to_string().matches(&text).count(), 1);
    }
}
