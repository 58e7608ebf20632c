//! No public error loses its source, and none repeats the source in its own message.

use std::{collections::BTreeSet, error::Error, fmt, time::Duration};

use cqrs_core::{
    EventId, ExecuteError, ExpectedVersion, HandlerError, IdempotencyKey, Position, Rejection,
    Service, StoreError, StoreErrorKind, StreamId, Version,
    codec::CodecError,
    model::{
        Conflict, FailedEvent, FailureKind, HeaderError, InvalidName, KeyReused, LimitError,
        Offset, PartitionId, Slices,
    },
    ports::{
        AdvanceError, AppendError, BoxError, CommitError, DocumentConflict, Fenced, ImportError,
        LogReplaced, LookupError, PublishError, RepartitionError, SaveError, SourceError,
    },
    read::{RunnerError, RunnerErrorKind, SkipError, WaitError},
    relay::{RelayError, RelayErrorKind},
    service::ServiceError,
};
use cqrs_kafka::{KafkaError, wire::WireError};
use cqrs_tests::domain::CounterEvent;

use crate::errors::{ErrorType, public_errors, variant_texts};

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
        CodecError::Upcast =>
            CodecError::Upcast { event_type: "Opened".into(), schema_version: 2, reason: Box::new(codec()) },
        CodecError::Unreadable => CodecError::Unreadable { event_type: "Opened", reason: Box::new(codec()) },
        AppendError::Store => AppendError::Store(store()),
        LookupError::Store => LookupError::Store(store()),
        SaveError::Store => SaveError::Store(store()),
        AdvanceError::Store => AdvanceError::Store(store()),
        CommitError::Store => CommitError::Store(store()),
        ImportError::Store => ImportError::Store(store()),
        RepartitionError::Store => RepartitionError::Store(store()),
        ImportError::Commit => ImportError::Commit(store().into()),
        ImportError::Payload => ImportError::Payload {
            stream: stream(), version: Version::new(1), source: serde_json::Error::io(std::io::Error::other(Root)),
        },
        ExecuteError::Rejected => ExecuteError::Rejected(Root),
        ExecuteError::Store => ExecuteError::<Root>::Store(store()),
    ]
}

fn of_the_loops() -> Named {
    let partition = || PartitionId::Log(Slices::ALL);
    let event = || "account-ann@1".to_owned();
    let offset = Offset::new(3);
    let unhandled = || {
        Box::new(FailedEvent::new(
            EventId::random(),
            stream(),
            Version::new(1),
            Position::new(1),
            "Opened",
        ))
    };
    named![
        HandlerError::Write => HandlerError::from(store()),
        HandlerError::NewerEvent => HandlerError::NewerEvent { event: EventId::random(), error: store() },
        HandlerError::Poison => HandlerError::poison(EventId::random(), root()),
        HandlerError::Undecodable => HandlerError::undecodable(EventId::random(), store()),
        SourceError::Malformed => SourceError::Malformed { partition: partition(), offset, reason: root() },
        SourceError::Unavailable => SourceError::Unavailable(root()),
        SourceError::Fatal => SourceError::Fatal(root()),
        PublishError::Reopen => PublishError::Reopen(root()),
        PublishError::Rejected => PublishError::Rejected { event: event(), reason: root() },
        PublishError::Misconfigured => PublishError::Misconfigured(root()),
        PublishError::Unavailable => PublishError::Unavailable(root()),
        RunnerErrorKind::Role => RunnerErrorKind::Role(codec()),
        RunnerErrorKind::Source => RunnerErrorKind::Source(SourceError::Fatal(root())),
        RunnerErrorKind::Poison => RunnerErrorKind::Poison {
            partition: partition(), event: unhandled(), failure: FailureKind::Refused, reason: root(),
        },
        RunnerErrorKind::TooManyParked => RunnerErrorKind::TooManyParked {
            partition: partition(), event: unhandled(), most: 100, reason: root(),
        },
        WaitError::Store => WaitError::Store(store()),
        RunnerErrorKind::Store => RunnerErrorKind::Store(store()),
        SkipError::Source => SkipError::Source(SourceError::Unavailable(root())),
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
        ServiceError => failed(Service::new().task("web", |_| async { Err(root()) })),
    ]
}

fn failed(service: Service) -> ServiceError {
    stopped(service, std::future::pending())
}

fn aborted() -> ServiceError {
    let hanging = Service::new().task("web", |_| std::future::pending());
    stopped(hanging.deadline(Duration::ZERO), std::future::ready(()))
}

fn stopped(service: Service, stop: impl Future<Output = ()>) -> ServiceError {
    let runtime = tokio::runtime::Runtime::new().expect("starts");
    let outcome = runtime.block_on(service.run_until(stop));
    outcome.expect_err("its part fails")
}

fn of_kafka() -> Named {
    let text = || "text".to_owned();
    named![
        KafkaError::Unreachable => KafkaError::Unreachable { brokers: text(), waited: Duration::ZERO, source: root() },
        KafkaError::TlsFailed => KafkaError::TlsFailed { brokers: text(), advice: "correct it", source: root() },
        KafkaError::LoginFailed => KafkaError::LoginFailed { brokers: text(), source: root() },
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
        LookupError::KeyReused => LookupError::KeyReused(key_reused()),
        SaveError::Conflict => SaveError::Conflict(document_conflict()),
        AdvanceError::Fenced => AdvanceError::Fenced(fenced()),
        CommitError::Conflict => CommitError::Conflict(conflict()),
        CommitError::KeyReused => CommitError::KeyReused(key_reused()),
        CommitError::DocumentConflict => CommitError::DocumentConflict(document_conflict()),
        CommitError::Fenced => CommitError::Fenced(fenced()),
        ImportError::Limit => ImportError::Limit {
            stream: stream(), version: Version::new(1), source: LimitError::Empty { field: "event type" },
        },
        ImportError::Header => ImportError::Header {
            stream: stream(), version: Version::new(1), source: HeaderError::TooMany { headers: 33, limit: 32 },
        },
        ExecuteError::Conflict => ExecuteError::<Root>::Conflict(conflict()),
        ExecuteError::Outdated => ExecuteError::<Root>::Outdated(conflict()),
        ExecuteError::KeyReused => ExecuteError::<Root>::KeyReused(key_reused()),
        PartPanicked => failed(Service::new().task("web", |_| async { panic!("on purpose") })),
        PartAborted => aborted(),
    ]
}

/// Errors without a cause.
fn without_a_cause() -> Named {
    named![
        InvalidName => InvalidName::new("id", "", "is empty"),
        HeaderError => HeaderError::TooMany { headers: 33, limit: 32 },
        LimitError => LimitError::Empty { field: "event type" },
        Conflict => conflict(),
        KeyReused => key_reused(),
        DocumentConflict => document_conflict(),
        LogReplaced => replaced(),
        Fenced => fenced(),
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

/// Whether the source text of a variant or struct declares a field that holds another error.
fn holds_an_error(text: &str) -> bool {
    let marks = ["#[source]", "#[from]", "transparent", "BoxError", "source:"];
    marks.iter().any(|mark| text.contains(mark))
}

#[test]
fn an_error_without_a_cause_has_no_source() {
    for (name, error) in without_a_cause() {
        assert!(error.source().is_none(), "{name}: {:?}", links(&*error));
    }
}

#[test]
fn the_tables_have_every_public_error() {
    let causes = caused().into_iter().chain(of_our_own());
    let causes: BTreeSet<&str> = causes.map(|(name, _)| name).collect();
    let without: BTreeSet<&str> = without_a_cause().iter().map(|(name, _)| *name).collect();
    let errors = public_errors().into_iter();
    let errors = Vec::from_iter(errors.filter(|error| error.implements_error));
    let parts = errors.iter().flat_map(parts);
    let unlisted = parts.filter(|(name, text)| holds_an_error(text) && !causes.contains(&**name));
    let mut missing: Vec<String> = unlisted.map(|(name, _)| name).collect();
    let listed = |error: &str| {
        let variant = format!("{error}::");
        let of_it = |name: &&str| *name == error || name.starts_with(&variant);
        causes.iter().chain(&without).any(of_it)
    };
    let unlisted = errors.iter().filter(|error| !listed(&error.name));
    missing.extend(unlisted.map(|error| error.name.clone()));
    assert!(errors.len() > 20, "found only {} errors", errors.len());
    assert!(missing.is_empty(), "add to a table: {missing:#?}");
}

/// The variants of an enum, or the struct itself, with their source texts.
fn parts(error: &ErrorType) -> Vec<(String, String)> {
    let ErrorType { name, body, .. } = error;
    if !error.is_enum {
        return vec![(name.clone(), body.clone())];
    }
    let variants = variant_texts(body).into_iter();
    variants
        .map(|(variant, text)| (format!("{name}::{variant}"), text))
        .collect()
}
