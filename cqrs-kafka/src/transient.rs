//! Which errors of librdkafka and of brokers pass without a change by the user. Every other error ends the client, with
//! advice.

use rdkafka::error::RDKafkaErrorCode as Code;

/// Whether librdkafka recovers from this error by itself: a broker is away or moving, or a group is rebalancing.
pub(crate) const fn passes(code: Code) -> bool {
    matches!(
        code,
        // The connection.
        Code::AllBrokersDown
            | Code::BrokerTransportFailure
            | Code::Resolve
            | Code::SSL
            | Code::OperationTimedOut
            | Code::TimedOutQueue
            | Code::MessageTimedOut
            | Code::RequestTimedOut
            | Code::NetworkException
            | Code::BrokerDestroy
            | Code::DestroyBroker
            | Code::NodeUpdate
            | Code::UnknownBroker
            | Code::RebootstrapRequired
            | Code::ThrottlingQuotaExceeded
            | Code::Retry
            | Code::Interrupted
            // A broker that starts, stops or is overloaded.
            | Code::Unknown
            | Code::BrokerNotAvailable
            | Code::StaleBrokerEpoch
            | Code::StaleControllerEpoch
            | Code::NotController
            | Code::KafkaStorageError
            // A partition that moves.
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::ReplicaNotAvailable
            | Code::PreferredLeaderNotAvailable
            | Code::EligibleLeadersNotAvailable
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
            | Code::OffsetNotAvailable
            | Code::FetchSessionIdNotFound
            | Code::InvalidFetchSessionEpoch
            | Code::ISRInsufficient
            | Code::NotEnoughReplicas
            | Code::NotEnoughReplicasAfterAppend
            // A coordinator that moves, and a group that rebalances.
            | Code::WaitingForCoordinator
            | Code::WaitCache
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::RebalanceInProgress
            | Code::IllegalGeneration
            | Code::UnknownMemberId
            | Code::MemberIdRequired
            | Code::FencedMemberEpoch
            | Code::StaleMemberEpoch
            | Code::UnreleasedInstanceId
            | Code::UnstableOffsetCommit
            | Code::AssignmentLost
            | Code::PollExceeded
            | Code::InProgress
            | Code::PreviousInProgress
    )
}

/// Whether a producer may succeed after it was opened again: the error passes, or it belongs to this producer only.
pub(crate) const fn passes_with_new_producer(code: Code) -> bool {
    passes(code)
        || matches!(
            code,
            Code::Fatal
                | Code::State
                | Code::Conflict
                | Code::Inconsistent
                | Code::GaplessGuarantee
                | Code::QueueFull
                | Code::PurgeQueue
                | Code::PurgeInflight
                | Code::Fenced
                | Code::ProducerFenced
                | Code::InvalidProducerEpoch
                | Code::InvalidProducerIdMapping
                | Code::UnknownProducerId
                | Code::InvalidTransactionalState
                | Code::ConcurrentTransactions
                | Code::TransactionCoordinatorFenced
                | Code::OutOfOrderSequenceNumber
                | Code::DuplicateSequenceNumber
        )
}

/// The advice for an error that this crate does not know.
const UNKNOWN: &str =
    "Kafka's documentation has the meaning of the error below; correct the cause and start again";

/// What the user must change before another attempt can succeed.
pub(crate) const fn advice(code: Code) -> &'static str {
    match code {
        Code::UnknownTopic
        | Code::UnknownTopicOrPartition
        | Code::UnknownPartition
        | Code::UnknownTopicId => {
            "create the topic with KafkaTopics, or correct the name and prefix"
        }
        Code::TopicAuthorizationFailed => "grant this user READ on the topic, or WRITE for a relay",
        Code::GroupAuthorizationFailed => "grant this user READ on the group",
        Code::ClusterAuthorizationFailed => {
            "grant this user the operation on the cluster that the log of the broker names"
        }
        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::IllegalSASLState
        | Code::SecurityDisabled => {
            "correct user, password or token, and the mechanism, in the KafkaConfig"
        }
        Code::FencedInstanceId => {
            "another process is the static member with this name: give each process an instance id of its own"
        }
        Code::InvalidSessionTimeout => {
            "choose a session time-out within the broker's group.min.session.timeout.ms and group.max.session.timeout.ms"
        }
        Code::InconsistentGroupProtocol | Code::UnsupportedAssignor => {
            "other members of this group use another partition.assignment.strategy: stop them, or use theirs"
        }
        Code::GroupMaxSizeReached => {
            "the group has as many members as the broker's group.max.size allows: start fewer, or raise it"
        }
        Code::NotImplemented | Code::UnsupportedCompressionType => {
            "a batch is compressed with a codec that this build does not have: enable the features `libz` and `zstd` of \
             cqrs-kafka, and read on"
        }
        Code::BadMessage | Code::BadCompression | Code::InvalidMessage => {
            "a batch in the topic is damaged: restore the topic from a replica or a copy"
        }
        Code::MessageSizeTooLarge => {
            "a batch is larger than this consumer accepts: raise max.partition.fetch.bytes and receive.message.max.bytes in \
             the KafkaConfig"
        }
        Code::UnsupportedVersion | Code::UnsupportedFeature => {
            "use Apache Kafka 4, or a compatible broker"
        }
        _ => UNKNOWN,
    }
}
