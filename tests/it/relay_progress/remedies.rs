//! The remedy of each error is followed to the letter: nothing is lost and nothing is doubled.

use cqrs_core::read::RunnerError;
use rdkafka::{
    TopicPartitionList,
    producer::{BaseProducer, BaseRecord, Producer},
};

use super::*;

impl World {
    pub(super) async fn recreate(&self, partitions: u16) {
        delete_topic(&self.kafka, &self.kafka.topic("counter")).await;
        let topics = KafkaTopics::new(&self.kafka).partitions(partitions);
        let created = topics.create_for_categories(["counter"]).await;
        created.expect("creates");
    }

    /// The progress topic is deleted and created, with this many partitions.
    async fn recreate_progress(&self, partitions: u16) {
        delete_topic(&self.kafka, &self.kafka.progress_topic("relay")).await;
        let topics = KafkaTopics::new(&self.kafka);
        let created = topics.create_for_relay("relay", partitions).await;
        created.expect("creates");
    }

    /// Removes every record of the topic, as retention does.
    async fn remove_records(&self) {
        let topic = self.kafka.topic("counter");
        let mut ends = TopicPartitionList::new();
        for partition in 0..3 {
            ends.add_partition_offset(&topic, partition, rdkafka::Offset::End)
                .expect("an offset");
        }
        let admin = admin(&self.kafka);
        let removed = admin.delete_records(&ends, &AdminOptions::new()).await;
        removed.expect("removes");
    }

    /// Runs a runner that must end by itself.
    async fn stopped(&self) -> RunnerError {
        let runner = Runner::over::<role::View>(&self.consumer, Counts, self.source());
        let running = runner.expect("a view").run(std::future::pending());
        let ended = tokio::time::timeout(MAX_WAIT, running).await;
        ended.expect("ends").expect_err("is stopped")
    }

    async fn publish_again(&self) -> Result<(), RelayError> {
        let relay = relay(&self.store, &self.kafka);
        relay.publish_again("ticket 4711").await
    }

    /// Another program writes to the progress topic.
    async fn write_progress(&self, key: &'static str, value: String) {
        let brokers = self.kafka.brokers().to_owned();
        let topic = self.kafka.progress_topic("relay");
        let write = move || {
            let mut client = ClientConfig::new();
            client.set("bootstrap.servers", brokers);
            let producer: BaseProducer = client.create().expect("valid settings");
            let record = BaseRecord::to(&topic).key(key).payload(&value).partition(0);
            let sent = producer.send(record).map_err(|(error, _)| error);
            sent.expect("there is room");
            producer.flush(MAX_WAIT).expect("delivers");
        };
        tokio::task::spawn_blocking(write).await.expect("writes");
    }
}

/// The steps that people forced, with their reasons and outcomes.
async fn operations(store: &PgEventStore) -> Vec<(String, String, Option<String>)> {
    let sql = format!(
        "select verb, reason, outcome from {}.operations order by id",
        store.schema()
    );
    let rows = sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(store.pool());
    rows.await.expect("reads")
}

fn operation(verb: &str, reason: &str, outcome: Option<&str>) -> (String, String, Option<String>) {
    (
        verb.to_owned(),
        reason.to_owned(),
        outcome.map(ToOwned::to_owned),
    )
}

/// `OutOfRange`: retention has removed events that the subscription did not have.
#[tokio::test(flavor = "multi_thread")]
async fn events_lost_to_retention_are_handled_once() {
    let world = World::start().await;
    count(&world.store, 10).await;
    world.publish().await;
    world.remove_records().await;
    let text = chain(&world.stopped().await).to_string();
    for part in ["does not exist", "Relay::publish_again", "Runner::rewind"] {
        assert!(text.contains(part), "{text}");
    }
    world.publish_again().await.expect("publishes again");
    world.publish().await;
    world.rewind().await;
    world.is_exact().await;
    let expected = [
        operation("publish_again", "ticket 4711", None),
        operation(
            "publish_again",
            "ticket 4711",
            Some("starts at the beginning"),
        ),
    ];
    assert_eq!(operations(&world.store).await, expected);
    let expected = [operation("rewind", "the topic was created again", None)];
    assert_eq!(operations(&world.consumer).await, expected);
}

/// Subscriptions know by partition what they had: with other partitions they would handle it again.
#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_not_published_again_with_another_number_of_partitions() {
    let world = World::start().await;
    world.recreate(5).await;
    let error = world.refused().await;
    assert!(
        error.contains("with as many partitions as before"),
        "{error}"
    );
    let error = world.publish_again().await.expect_err("is refused");
    let text = said(&error);
    assert!(
        text.contains("Create the topic with 3 partitions"),
        "{text}"
    );
    let error = relay(&world.store, &world.kafka).recover("a test").await;
    let text = said(&error.expect_err("is refused"));
    assert!(
        text.contains("Create the topic with 3 partitions"),
        "{text}"
    );

    world.recreate(3).await;
    world.publish_again().await.expect("publishes again");
    world.publish().await;
    world.rewind().await;
    world.is_exact().await;
}

/// `ShardsChanged`, also when the progress was lost and only the topics know the number.
#[tokio::test(flavor = "multi_thread")]
async fn another_number_of_shards_is_refused() {
    let world = World::start().await;
    let two = || relay(&world.store, &world.kafka).shards(2);
    world.recreate_progress(2).await;
    let error = two().publish_again("a test").await.expect_err("is refused");
    assert!(said(&error).contains("Start it with 1 shards"), "{error}");
    let error = two().recover("a test").await.expect_err("is refused");
    assert!(said(&error).contains("Start it with 1 shards"), "{error}");
    let recorded = operations(&world.store).await;
    let (.., outcome) = recorded.last().expect("recorded");
    assert_eq!(outcome.as_deref(), Some("failed: cannot publish"));
    let error = two().recover(" ").await.expect_err("is refused");
    assert!(said(&error).contains("the reason is empty"), "{error}");
    world.recover().await;
    count(&world.store, 10).await;
    world.publish().await;
    world.is_exact().await;

    let error = two().run(std::future::pending()).await;
    let text = said(&error.expect_err("is refused"));
    assert!(text.contains("Start it with 1 shards"), "{text}");
    let error = two().publish_again("a test").await.expect_err("is refused");
    assert!(said(&error).contains("Start it with 1 shards"), "{error}");
    count(&world.store, 10).await;
    world.publish().await;
    world.is_exact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_progress_topic_with_a_bad_record_is_created_again() {
    let world = World::start().await;
    world.write_progress("position", "{}".to_owned()).await;
    count(&world.store, 10).await;
    let error = world.refused().await;
    assert!(
        error.contains("Delete it, create it with KafkaTopics, and call Relay::recover"),
        "{error}"
    );
    world.recreate_progress(1).await;
    world.recover().await;
    world.publish().await;
    world.is_exact().await;
    let outcome = "continues after position 20";
    let expected = [
        operation("recover", "a test", None),
        operation("recover", "a test", Some(outcome)),
    ];
    assert_eq!(operations(&world.store).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_progress_topic_of_another_cluster_is_created_again() {
    let world = World::start().await;
    let log = world.store.identity().await.expect("reads");
    let (owner, id, place) = (uuid::Uuid::new_v4(), log.id(), log.place());
    let claim = format!(
        r#"{{"claim":{{"owner":"{owner}","claim":"{owner}","cluster_id":"elsewhere","log":"{id}","place":{place:?}}}}}"#
    );
    world.write_progress("claim", claim).await;
    count(&world.store, 10).await;
    let error = world.refused().await;
    assert!(
        error.contains(
            "delete the copy, create the topic with KafkaTopics, and call Relay::recover once"
        ),
        "{error}"
    );
    world.recreate_progress(1).await;
    world.recover().await;
    world.publish().await;
    world.is_exact().await;
}

/// `OtherLog`: each database gets its own prefix.
#[tokio::test(flavor = "multi_thread")]
async fn another_database_publishes_under_its_own_prefix() {
    let world = World::start().await;
    let other = store(&fresh_name()).await;
    count(&other, 7).await;
    let error = said(&refused(&other, &world.kafka).await);
    assert!(
        error.contains("give each database its own topic prefix"),
        "{error}"
    );
    let prefix = kafka(&fresh_name());
    create_topics(&prefix).await;
    publish_all(&other, &prefix).await.expect("publishes");
    assert_seen_once_and_in_order(&other, &prefix).await;
    count(&world.store, 10).await;
    world.publish().await;
    world.is_exact().await;
}
