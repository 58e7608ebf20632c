//! A topic whose settings would lose what was written is refused, and the setting is named.

use cqrs_core::relay::RelayError;
use rdkafka::admin::{AlterConfig, ResourceSpecifier};

use super::*;
use crate::support::publish_all;

async fn create(config: &KafkaConfig, topic: &str, policy: &str) {
    let new = NewTopic::new(topic, 1, TopicReplication::Fixed(1)).set("cleanup.policy", policy);
    let created = admin(config)
        .create_topics(&[new], &AdminOptions::new())
        .await;
    created.expect("responds").remove(0).expect("creates");
}

async fn set_policy(config: &KafkaConfig, topic: &str, policy: &str) {
    let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set("cleanup.policy", policy);
    let changed = admin(config)
        .alter_configs(&[change], &AdminOptions::new())
        .await;
    changed.expect("responds").remove(0).expect("changes");
}

fn said(ended: Result<(), RelayError>) -> String {
    chain(&ended.expect_err("is refused")).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cleanup_policy_that_loses_records_is_refused() {
    let name = fresh_name();
    let config = kafka(&name);
    let (topic, progress) = (config.topic("counter"), config.progress_topic("relay"));
    create(&config, &topic, "compact").await;
    create(&config, &progress, "delete").await;
    let store = servers::store(&name).await;
    cqrs_tests::domain::count(&store, 5).await;

    let source = KafkaGroup::new(&config, "counts").categories(["counter"]);
    let runner = Runner::over(&store, cqrs_tests::domain::Counts, source.source());
    let ended = runner.expect("a view").run(std::future::pending()).await;
    let text = chain(&ended.expect_err("is refused")).to_string();
    let named = format!("topic \"{topic}\" has cleanup.policy=compact");
    assert!(text.contains(&named), "{text}");

    let text = said(publish_all(&store, &config).await);
    let expires = format!("topic \"{progress}\" has cleanup.policy=delete");
    assert!(text.contains(&expires), "{text}");
    set_policy(&config, &progress, "compact").await;
    let text = said(publish_all(&store, &config).await);
    assert!(text.contains(&named), "{text}");
    set_policy(&config, &topic, "delete").await;
    publish_all(&store, &config).await.expect("publishes");
}
