//! A topic that the brokers do not know for a moment, as when they have just started.

use super::{
    skipped::{Place, Texts, note},
    *,
};
use crate::support::delete_topic;

/// The topic is deleted, which a consumer cannot tell from brokers that do not know it yet, and comes back.
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_waits_for_a_topic_that_is_briefly_unknown() {
    let place = Place::new().await;
    let often = "topic.metadata.refresh.interval.ms";
    let config = place.config.clone().set(often, "300");
    let group = KafkaGroup::new(&config, "texts").categories(["note"]);
    let source = group.source();
    let source_progress = source.progress();
    let runner = Runner::over(&place.store, Texts(Arc::new(|_| {})), source).expect("a view");
    let mut progress = runner.progress();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(runner.run(async { drop(stopped.await) }));
    progress.until(|phase| *phase == Phase::CaughtUp).await;

    delete_topic(&place.config, &place.topic()).await;
    eventually("the consumer misses its topic", async || {
        source_progress.last_error().is_some() || running.is_finished()
    })
    .await;
    let topics = KafkaTopics::new(&place.config).partitions(1);
    let created = topics.create_for_categories(["note"]).await;
    created.expect("creates");
    place.send(Sent::Plainly, vec![note("a")]).await;
    eventually("the consumer goes on", async || {
        place.texts().await == ["a"] || running.is_finished()
    })
    .await;
    drop(stop);
    running.await.expect("no panic").expect("was stopped");
    assert_eq!(place.texts().await, ["a"]);
}
