//! Names that meet in Kafka.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn names_that_differ_in_a_dot_are_refused() {
    let config = kafka(&fresh_name());
    let topics = KafkaTopics::new(&config).partitions(1);
    let created = topics.create_for_categories(["order.item"]).await;
    created.expect("creates");
    let error = topics.create_for_categories(["order_item"]).await;
    let text = chain(&error.expect_err("is refused")).to_string();
    let topic = format!("{:?}", config.topic("order_item"));
    assert!(
        text.contains(&topic) && text.contains("'.' and '_'"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newer_protocol_of_groups_is_refused() {
    let config = kafka(&fresh_name());
    let topics = KafkaTopics::new(&config).partitions(1);
    let created = topics.create_for_categories(["note"]).await;
    created.expect("creates");
    let config = config.set("group.protocol", "consumer");
    let group = KafkaGroup::new(&config, "texts").categories(["note"]);
    let text = chain(&group.connect().await.expect_err("is refused")).to_string();
    assert!(text.contains("supports only \"classic\""), "{text}");
}
