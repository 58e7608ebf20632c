//! Numbers and missing values come back equal over Kafka, too.

use cqrs_core::{Event, Relay, Runner, role};
use cqrs_kafka::{KafkaGroup, KafkaPublisher, KafkaTopics};
use cqrs_testing::contract::shapes::{SeenShapes, ShapeEvent, append_samples, seen};
use cqrs_tests::servers::{eventually, fresh_name, kafka, store};

#[tokio::test(flavor = "multi_thread")]
async fn every_value_comes_back_over_a_topic() {
    let name = fresh_name();
    let (source, config) = (store(&name).await, kafka(&name));
    let topics = KafkaTopics::new(&config).partitions(1);
    topics
        .create_for_categories([ShapeEvent::CATEGORY])
        .await
        .expect("creates");
    topics.create_for_relay("relay", 1).await.expect("creates");
    let expected = append_samples(&source, "a").await;

    let relay = Relay::new(&source, "relay", KafkaPublisher::new(&config));
    let relay = tokio::spawn(relay.run(std::future::pending()));
    let target = store(&fresh_name()).await;
    let group = KafkaGroup::new(&config, "shapes").categories([ShapeEvent::CATEGORY]);
    let joined = group.connect().await.expect("joins");
    let view = Runner::over::<role::View>(&target, SeenShapes, joined).expect("a view");
    let view = tokio::spawn(view.run(std::future::pending()));

    // As text, which has the sign of a zero, too.
    let expected = format!("{:?}", Some(expected.seen()));
    eventually("the view has every value", || async {
        format!("{:?}", seen(&target, "a").await) == expected
    })
    .await;
    relay.abort();
    view.abort();
}
