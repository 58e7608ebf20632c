//! No public error loses its source, and none repeats the source in its own message.

use std::{collections::BTreeSet, error::Error, fmt, time::Duration};

use cqrs_core::{
    AppendError, CommitError, EventId, ExecuteError, ExpectedVersion, HandlerError, IdempotencyKey,
    Position, Rejection, RelayError, RelayErrorKind, RunnerError, RunnerErrorKind, Service,
    ServiceError, StoreError, StoreErrorKind, StreamId, Version,
    codec::CodecError,
    model::{Conflict, InvalidName, KeyReused, Offset, PartitionId, Slices},
    ports::{
        AdvanceError, BoxError, DocumentConflict, Fenced, LogReplaced, PublishError, SaveError,
        SourceError,
    },
    read::SkipError,
};
use cqrs_kafka::{KafkaError, wire::WireError};
use cqrs_tests::domain::CounterEvent;

use crate::errors::{public_error_enums, public_error_structs, variant_texts};

/// The innermost cause of every error of the tables.
#[derive(Debug, Clone, Copy)]
struct Root;

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the innermost cause")
    }
}

impl Error for Root {}

fn root() -> BoxError {
    Root.into()
}

fn store() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "the store failed").caused_by(root())
}

fn codec() -> CodecError {
    CodecError::Custom(Root.to_string())
}

fn stream() -> StreamId {
    StreamId::of::<CounterEvent>("ann").expect("a valid id")
}

fn conflict() -> Conflict {
    Conflict::new(stream(), ExpectedVersion::NoStream, Version::new(1))
}

fn key_reused() -> KeyReused {
    KeyReused::new(IdempotencyKey::new("key").expect("a valid key"))
}

fn document_conflict() -> DocumentConflict {
    DocumentConflict::new("balances", "ann")
}

fn replaced() -> LogReplaced {
    LogReplaced::new(Position::new(7), Some(EventId::random()), None)
}

fn fenced() -> Fenced {
    Fenced::new("balances", PartitionId::Log(Slices::ALL))
}

/// Errors under the names of their variants.
type Named = Vec<(&'static str, Box<dyn Error>)>;

macro_rules! named {
    ($($variant:path => $error:expr,)*) => {
        vec![$((stringify!($variant), Box::new($error) as Box<dyn Error>),)*]
    };
}

/// Errors whose innermost source is [`Root`], or an error with its text.
fn caused() -> Named {
    let mut all = of_the_store();
    all.extend(of_the_loops());
    all.extend(of_kafka());
    all.extend(structs());
    all
}

fn of_the_store() -> Named {
    named![
        CodecError::Json => CodecError::from(serde_json::Error::io(std::io::Error::other(Root))),
        CodecError::OtherVersion => CodecError::OtherVersion { schema_version: 2, reason: Box::new(codec()) },
        CodecError::Unreadable => CodecError::Unreadable { event_type: "Opened", reason: Box::new(codec()) },
        AppendError::Store => AppendError::Store(store()),
        SaveError::Store => SaveError::Store(store()),
        AdvanceError::Store => AdvanceError::Store(store()),
        CommitError::Store => CommitError::Store(store()),
        ExecuteError::Rejected => ExecuteError::Rejected(Root),
        ExecuteError::Store => ExecuteError::<Root>::Store(store()),
    ]
}

fn of_the_loops() -> Named {
    let partition = || PartitionId::Log(Slices::ALL);
    let event = || "account-ann@1".to_owned();
    let offset = Offset::new(3);
    named![
        HandlerError::Write => HandlerError::from(store()),
        HandlerError::Poison => HandlerError::poison(EventId::random(), root()),
        SourceError::Malformed => SourceError::Malformed { partition: partition(), offset, reason: root() },
        SourceError::Unavailable => SourceError::Unavailable(root()),
        SourceError::Fatal => SourceError::Fatal(root()),
        PublishError::Reopen => PublishError::Reopen(root()),
        PublishError::Rejected => PublishError::Rejected { event: event(), reason: root() },
        PublishError::Misconfigured => PublishError::Misconfigured(root()),
        PublishError::Unavailable => PublishError::Unavailable(root()),
        RunnerErrorKind::Role => RunnerErrorKind::Role(codec()),
        RunnerErrorKind::Source => RunnerErrorKind::Source(SourceError::Fatal(root())),
        RunnerErrorKind::Poison => RunnerErrorKind::Poison { partition: partition(), event: event(), reason: root() },
        RunnerErrorKind::Store => RunnerErrorKind::Store(store()),
        SkipError::Role => SkipError::Role(codec()),
        SkipError::Store => SkipError::Store(store().into()),
        RelayErrorKind::Publish => RelayErrorKind::Publish(PublishError::Misconfigured(root())),
        RelayErrorKind::Store => RelayErrorKind::Store(store()),
    ]
}

fn structs() -> Named {
    named![
        StoreError => store(),
        Rejection => Rejection::new(stream(), Root),
        RunnerError => RunnerError::new("balances", store()),
        RelayError => RelayError::new("orders", store()),
        ServiceError => failed_service(),
    ]
}

fn failed_service() -> ServiceError {
    let runtime = tokio::runtime::Runtime::new().expect("starts");
    let service = Service::new().task("web", |_| async { Err(root()) });
    runtime.block_on(service.run()).expect_err("its task fails")
}

fn of_kafka() -> Named {
    let text = || "text".to_owned();
    named![
        KafkaError::Unreachable => KafkaError::Unreachable { brokers: text(), waited: Duration::ZERO, source: root() },
        KafkaError::InvalidSetting => KafkaError::InvalidSetting { source: root() },
        KafkaError::Denied => KafkaError::Denied { resource: text(), operations: "Read", source: root() },
        KafkaError::TopicNotCreated => KafkaError::TopicNotCreated { topic: text(), brokers: text(), source: root() },
        KafkaError::InvalidProgress =>
            KafkaError::InvalidProgress { topic: text(), partition: 0, offset: 0, source: root() },
        KafkaError::NoTransactions => KafkaError::NoTransactions { source: root() },
        KafkaError::TransactionTimeout =>
            KafkaError::TransactionTimeout { transactional_id: text(), source: root() },
        KafkaError::RecordTooLarge =>
            KafkaError::RecordTooLarge { topic: text(), bytes: 1, limit: text(), source: root() },
        KafkaError::RecordRejected => KafkaError::RecordRejected { topic: text(), source: root() },
        KafkaError::ProducerStopped =>
            KafkaError::ProducerStopped { transactional_id: text(), advice: "restart", source: root() },
        KafkaError::TopicUnreadable =>
            KafkaError::TopicUnreadable { topic: text(), advice: "restart", source: root() },
        KafkaError::ConsumerStopped =>
            KafkaError::ConsumerStopped { group: text(), advice: "restart", source: root() },
        KafkaError::Internal => KafkaError::Internal { context: "it failed", source: root() },
    ]
}

/// Errors whose innermost source is an error of this framework.
fn of_our_own() -> Named {
    let partition = PartitionId::Log(Slices::ALL);
    named![
        SourceError::LogReplaced => SourceError::LogReplaced { partition, replaced: replaced() },
        SkipError::LogReplaced => SkipError::LogReplaced(replaced()),
        RelayErrorKind::LogReplaced => RelayErrorKind::LogReplaced(replaced()),
        WireError::InvalidName => WireError::InvalidName {
            header: "ce_subject", value: String::new(), source: InvalidName::new("id", "", "is empty"),
        },
        WireError::Topic => WireError::Topic(InvalidName::new("category", "", "is empty")),
        AppendError::Conflict => AppendError::Conflict(conflict()),
        AppendError::KeyReused => AppendError::KeyReused(key_reused()),
        SaveError::Conflict => SaveError::Conflict(document_conflict()),
        AdvanceError::Fenced => AdvanceError::Fenced(fenced()),
        CommitError::Conflict => CommitError::Conflict(conflict()),
        CommitError::KeyReused => CommitError::KeyReused(key_reused()),
        CommitError::DocumentConflict => CommitError::DocumentConflict(document_conflict()),
        CommitError::Fenced => CommitError::Fenced(fenced()),
        ExecuteError::Conflict => ExecuteError::<Root>::Conflict(conflict()),
        ExecuteError::KeyReused => ExecuteError::<Root>::KeyReused(key_reused()),
    ]
}

/// An error and its sources, the outermost first.
fn links(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut links = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        links.push(error.to_string());
        next = error.source();
    }
    links
}

#[test]
fn every_error_with_a_cause_keeps_it_as_its_source() {
    for (name, error) in caused() {
        let links = links(&*error);
        let innermost = links.last().expect("at least the error itself");
        assert_eq!(*innermost, Root.to_string(), "{name}: {links:?}");
    }
}

#[test]
fn no_error_repeats_its_source() {
    for (name, error) in caused().into_iter().chain(of_our_own()) {
        let links = links(&*error);
        for pair in links.windows(2) {
            assert!(!pair[0].contains(&pair[1]), "{name}: {links:?}");
        }
    }
}

/// Whether the source text of a variant declares a field that holds another error.
fn holds_an_error(text: &str) -> bool {
    let marks = ["#[source]", "#[from]", "transparent", "BoxError", "source:"];
    marks.iter().any(|mark| text.contains(mark))
}

#[test]
fn the_tables_have_every_error_that_holds_another_one() {
    let all = caused().into_iter().chain(of_our_own());
    let listed: BTreeSet<&str> = all.map(|(name, _)| name).collect();
    let structs = public_error_structs().into_iter();
    let mut missing: Vec<_> = structs
        .filter(|name| !listed.contains(name.as_str()))
        .collect();
    for (name, body) in public_error_enums() {
        for (variant, text) in variant_texts(&body) {
            let variant = format!("{name}::{variant}");
            if holds_an_error(&text) && !listed.contains(variant.as_str()) {
                missing.push(variant);
            }
        }
    }
    assert!(missing.is_empty(), "add to a table: {missing:#?}");
}
