//! The source without a runner: readers are offered, dropped and offered again.

use std::time::Duration;

use cqrs_core::{
    chain,
    model::{Checkpoint, Claim, Offset},
    ports::{Batch, Next, Reader, Source, SourceError},
    run_loop::Phase,
};
use cqrs_kafka::{KafkaConfig, KafkaError, KafkaGroup, KafkaReader, KafkaSource};

use crate::fixture::Fixture;

async fn join(fixture: &Fixture, instance: &str) -> KafkaSource {
    KafkaGroup::new(&fixture.config, "group")
        .categories(["order"])
        .instance_id(instance)
        .session_timeout(Duration::from_secs(6))
        .connect()
        .await
        .expect("joins")
}

async fn assigned(source: &mut KafkaSource) -> KafkaReader {
    let assigned = tokio::time::timeout(Duration::from_secs(30), source.assigned()).await;
    assigned
        .expect("within the time-out")
        .expect("no error")
        .expect("not stopped")
}

async fn read(reader: &mut KafkaReader, max: usize) -> Batch {
    loop {
        match reader.next(max).await.expect("reads") {
            Next::Batch(batch) => return batch,
            Next::Idle => {}
            Next::Revoked => panic!("revoked"),
        }
    }
}

fn claim(at: Option<Checkpoint>) -> Claim {
    Claim::new(1, at)
}

fn at(offset: u64) -> Option<Checkpoint> {
    Some(Checkpoint::new(Offset::new(offset), None))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_starts_at_its_checkpoint_and_is_offered_again() {
    let fixture = Fixture::new(1, 1);
    fixture.place(20, 1, "").await;
    fixture.relay(1, 20).await;

    let mut source = join(&fixture, "one").await;
    let mut reader = assigned(&mut source).await;
    reader.start(&claim(None)).await.expect("starts");
    let first = read(&mut reader, 5).await;
    let count = first.events.len() as u64;
    assert!((1..=5).contains(&count));
    assert_eq!(first.next.offset, Offset::new(count));
    reader
        .start(&claim(Some(first.next)))
        .await
        .expect("starts again");
    let again = read(&mut reader, 100).await;
    assert_eq!(again.events[0].position.get(), count + 1);

    drop(reader);
    let mut reader = assigned(&mut source).await;
    reader.start(&claim(at(18))).await.expect("starts");
    let last = read(&mut reader, 100).await;
    assert_eq!(last.events[0].position.get(), 19);

    source.stop();
    while reader.next(100).await.expect("reads") != Next::Revoked {}
    assert!(reader.revoked());
    drop(reader);
    assert!(source.assigned().await.expect("no error").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_follows_a_member_until_it_has_left() {
    let fixture = Fixture::new(1, 1);
    fixture.place(20, 1, "").await;
    fixture.relay(1, 20).await;

    let mut source = join(&fixture, "one").await;
    let progress = source.progress();
    assert_eq!(progress.phase(), Phase::Starting);
    let mut reader = assigned(&mut source).await;
    reader.start(&claim(at(3))).await.expect("starts");
    let id = reader.partition().clone();
    assert_eq!(progress.phase(), Phase::Reading);
    assert_eq!(progress.partitions()[&id].checkpoint, at(3));
    let batch = read(&mut reader, 5).await;
    assert_eq!(progress.partitions()[&id].checkpoint, Some(batch.next));
    while reader.next(100).await.expect("reads") != Next::Idle {}
    assert_eq!(progress.phase(), Phase::CaughtUp);

    source.stop();
    drop(reader);
    assert!(source.assigned().await.expect("no error").is_none());
    assert_eq!(progress.phase(), Phase::Stopped);
    assert_eq!(progress.partitions()[&id].phase, Phase::Stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_stopped_before_it_joins_ends() {
    let fixture = Fixture::new(1, 1);
    let group = KafkaGroup::new(&fixture.config, "group").categories(["order"]);
    let mut source = group.source();
    source.stop();
    assert!(source.assigned().await.expect("no error").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_of_a_missing_topic_cannot_be_read() {
    let fixture = Fixture::new(1, 1);
    let group = KafkaGroup::new(&fixture.config, "group").categories(["nothing"]);
    let error = group.source().assigned().await.expect_err("no such topic");
    assert!(matches!(error, SourceError::Fatal(_)), "{error:?}");
    assert!(chain(&error).to_string().contains("shop.nothing"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_pauses_the_partition_and_misses_nothing() {
    let fixture = Fixture::new(1, 1);
    fixture.place(30, 1_000, "").await;
    fixture.relay(1, 30_000).await;

    let mut source = join(&fixture, "one").await;
    let mut reader = assigned(&mut source).await;
    reader.start(&claim(None)).await.expect("starts");
    let mut seen = 0;
    let mut last = 0;
    while seen < 30_000 {
        let batch = read(&mut reader, 500).await;
        for event in &batch.events {
            assert_eq!(event.position.get(), last + 1);
            last += 1;
        }
        seen += batch.events.len();
        // In place of a handler. Meanwhile more events arrive than the buffer holds.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_static_member_that_returns_gets_its_partitions_back() {
    let fixture = Fixture::new(2, 1);
    let mut source = join(&fixture, "one").await;
    let readers = [assigned(&mut source).await, assigned(&mut source).await];
    drop(readers);
    source.stop();
    while source.assigned().await.expect("no error").is_some() {}

    let mut source = join(&fixture, "one").await;
    let readers = [assigned(&mut source).await, assigned(&mut source).await];
    assert_ne!(readers[0].partition(), readers[1].partition());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_that_retention_has_passed_is_an_error() {
    let mut fixture = Fixture::new(1, 1);
    // The embedded cluster keeps 5 MiB of a partition, so send the records without compression.
    fixture.config = fixture.config.set("compression.type", "none");
    fixture.place(16, 1, &"x".repeat(500_000)).await;
    fixture.relay_all(16).await;

    let mut source = join(&fixture, "one").await;
    let mut reader = assigned(&mut source).await;
    reader.start(&claim(at(2))).await.expect("starts");
    let error = loop {
        match reader.next(10).await {
            Ok(next) => assert_eq!(next, Next::Idle),
            Err(error) => break error,
        }
    };
    let SourceError::OutOfRange { offset, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(*offset, Offset::new(2));
    assert!(
        error
            .to_string()
            .starts_with("topic shop.order/0: offset 2 does not exist (offsets "),
        "{error}"
    );
}

#[tokio::test]
async fn a_group_without_topic_or_broker_is_rejected_at_once() {
    let fixture = Fixture::new(1, 1);
    let error = KafkaGroup::new(&fixture.config, "group")
        .categories(["nothing"])
        .connect()
        .await;
    assert!(
        matches!(error, Err(KafkaError::TopicMissing { topic, .. }) if topic == "shop.nothing")
    );
    let error = KafkaGroup::new(&fixture.config, "group").connect().await;
    assert!(matches!(error, Err(KafkaError::NoTopics { .. })));
    let unreachable = KafkaConfig::new("127.0.0.1:9").response_timeout(Duration::from_millis(300));
    let error = KafkaGroup::new(&unreachable, "group")
        .categories(["order"])
        .connect()
        .await;
    assert!(
        matches!(error, Err(KafkaError::Unreachable { .. })),
        "{error:?}"
    );
    let wrong = fixture
        .config
        .clone()
        .set("security.protocol", "carrier pigeon");
    let error = KafkaGroup::new(&wrong, "group")
        .categories(["order"])
        .connect()
        .await;
    assert!(
        matches!(&error, Err(KafkaError::InvalidSetting { source }) if source.to_string().contains("security.protocol")),
        "{error:?}"
    );
}
