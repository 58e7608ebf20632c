//! Topics that change under a running relay and its consumer.

use cqrs_core::run_loop::{Phase, Progress};
use tokio::{sync::oneshot, task::JoinHandle};

use super::*;

impl World {
    /// Runs a relay that has published the whole log.
    async fn running(
        &self,
    ) -> (
        Progress,
        oneshot::Sender<()>,
        JoinHandle<Result<(), RelayError>>,
    ) {
        let relay = relay(&self.store, &self.kafka);
        let mut progress = relay.progress();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(async move { relay.run(async { drop(stopped.await) }).await });
        progress.until(|phase| *phase == Phase::CaughtUp).await;
        (progress, stop, running)
    }
}

/// The offsets of the new topic are not behind those that the relay knows.
#[tokio::test(flavor = "multi_thread")]
async fn a_running_relay_refuses_a_topic_that_was_created_again() {
    let world = World::start().await;
    let (_progress, _stop, running) = world.running().await;
    world.recreate(3).await;
    count(&world.store, 20).await;
    let ended = tokio::time::timeout(MAX_WAIT, running).await;
    let error = ended
        .expect("ends")
        .expect("no panic")
        .expect_err("is refused");
    let text = said(&error);
    assert!(
        text.contains("has lost what relay \"relay\" has published"),
        "{text}"
    );
    assert!(text.contains(&world.kafka.topic("counter")), "{text}");
    let again = relay(&world.store, &world.kafka)
        .publish_again("a test")
        .await;
    again.expect("publishes again");
    world.publish().await;
    world.rewind().await;
    world.is_exact().await;
}

/// The relay continues with the partitions that it knows, so every stream keeps its order. The next start is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_running_relay_does_not_use_partitions_that_were_added() {
    let world = World::start().await;
    let (progress, stop, running) = world.running().await;
    let topic = world.kafka.topic("counter");
    let more = [NewPartitions::new(&topic, 5)];
    let admin = admin(&world.kafka);
    let added = admin.create_partitions(&more, &AdminOptions::new()).await;
    added.expect("responds").remove(0).expect("adds partitions");
    count(&world.store, 30).await;
    let last = log(&world.store).await.pop().expect("an event").position;
    eventually("all are published", || async {
        let mut partitions = progress.partitions().into_values();
        let published = partitions.all(|one| {
            one.checkpoint
                .is_some_and(|at| at.offset.get() == last.get())
        });
        published || running.is_finished()
    })
    .await;
    stop.send(()).expect("it runs");
    running.await.expect("no panic").expect("was stopped");
    world.is_exact().await;
    count(&world.store, 1).await;
    let error = world.refused().await;
    assert!(error.contains("had 3 partitions"), "{error}");
}
