//! A topic that was deleted and created again is noticed by its consumers, and a topic that only lost records is not taken for one.

use cqrs_core::{model::Checkpoint, ports::SourceError, read::RunnerErrorKind};
use rdkafka::TopicPartitionList;
use tokio::{sync::oneshot, task::JoinHandle};

use super::{
    skipped::{Place, Task, Texts, note},
    *,
};
use crate::support::delete_topic;

const COMMITTED: Sent = Sent::InTransaction { committed: true };
const ABORTED: Sent = Sent::InTransaction { committed: false };

fn nothing() -> Task {
    Arc::new(|_| {})
}

impl Place {
    async fn put(&self, sent: Sent, texts: &[&str]) {
        let records = texts.iter().map(|text| note(text).with("ce_id", *text));
        self.send(sent, records.collect()).await;
    }

    async fn create_again(&self) {
        delete_topic(&self.config, &self.topic()).await;
        let topics = KafkaTopics::new(&self.config).partitions(1);
        let created = topics.create_for_categories(["note"]).await;
        created.expect("creates");
    }

    async fn checkpoint(&self) -> Checkpoint {
        let checkpoint = self.store.checkpoint(Texts::NAME, &self.partition()).await;
        checkpoint.expect("reads").expect("a checkpoint")
    }

    fn partition(&self) -> PartitionId {
        PartitionId::Topic {
            topic: self.topic().into(),
            partition: 0,
        }
    }

    /// The offset after the last record or marker.
    async fn end(&self) -> Offset {
        let admin = admin(&self.config);
        let topic = self.topic();
        let ends = move || admin.inner().fetch_watermarks(&topic, 0, MAX_WAIT);
        let (_, end) = tokio::task::spawn_blocking(ends)
            .await
            .expect("no panic")
            .expect("responds");
        Offset::new(end.unsigned_abs())
    }

    /// Removes everything that is there, as retention does.
    async fn remove_records(&self) {
        let mut ends = TopicPartitionList::new();
        ends.add_partition_offset(&self.topic(), 0, rdkafka::Offset::End)
            .expect("an offset");
        let removed = admin(&self.config)
            .delete_records(&ends, &AdminOptions::new())
            .await;
        removed.expect("removes");
    }

    /// Runs a runner until it is stopped.
    fn start(&self) -> (oneshot::Sender<()>, JoinHandle<Result<(), RunnerError>>) {
        let (stop, stopped) = oneshot::channel::<()>();
        let runner = self.runner(nothing());
        let running = tokio::spawn(runner.run(async { drop(stopped.await) }));
        (stop, running)
    }

    async fn until_texts(&self, expected: &[&str]) {
        eventually("the texts are there", async || {
            self.texts().await == expected
        })
        .await;
    }

    /// Runs a runner until the checkpoint is behind everything, markers included.
    async fn reach_the_end(&self) {
        let (stop, running) = self.start();
        let end = self.end().await;
        eventually("the checkpoint is at the end", async || {
            let found = self.store.checkpoint(Texts::NAME, &self.partition()).await;
            found.expect("reads").is_some_and(|at| at.offset == end) || running.is_finished()
        })
        .await;
        drop(stop);
        running.await.expect("no panic").expect("was stopped");
        assert_eq!(self.checkpoint().await.offset, end);
    }
}

fn is_replaced(error: &RunnerError) -> bool {
    matches!(
        error.kind,
        RunnerErrorKind::Source(SourceError::TopicReplaced { .. })
    )
}

/// The new topic is longer than the checkpoint.
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_refuses_a_topic_that_was_created_again() {
    let place = Place::new().await;
    place.put(Sent::Plainly, &["a", "b", "c"]).await;
    place.catch_up(nothing()).await.expect("catches up");
    place.create_again().await;
    place.put(Sent::Plainly, &["d", "e", "f", "g"]).await;
    let error = place.catch_up(nothing()).await.expect_err("is refused");
    assert!(is_replaced(&error), "{error:?}");
    let text = chain(&error).to_string();
    for part in [&place.topic(), "offset 3", "Runner::rewind"] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(place.texts().await, ["a", "b", "c"]);
    let runner = place.runner(nothing());
    let rewound = runner.rewind("the topic was created again").await;
    rewound.expect("rewinds");
    place.catch_up(nothing()).await.expect("catches up");
    let all = ["a", "b", "c", "d", "e", "f", "g"];
    assert_eq!(place.texts().await, all);
}

/// The place before the checkpoint has the marker of a transaction in the new topic, and had one in the old.
#[tokio::test(flavor = "multi_thread")]
async fn markers_do_not_hide_that_a_topic_was_created_again() {
    let place = Place::new().await;
    place.put(COMMITTED, &["a", "b"]).await;
    place.put(ABORTED, &["never"]).await;
    place.reach_the_end().await;
    place.create_again().await;
    place.put(COMMITTED, &["d"]).await;
    place.put(ABORTED, &["never", "ever"]).await;
    place.put(COMMITTED, &["e"]).await;
    assert!(place.checkpoint().await.offset < place.end().await);
    let error = place.catch_up(nothing()).await.expect_err("is refused");
    assert!(is_replaced(&error), "{error:?}");
}

/// The consumer runs meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_running_consumer_refuses_a_topic_that_was_created_again() {
    let place = Place::new().await;
    place.put(Sent::Plainly, &["a", "b", "c"]).await;
    let often = "topic.metadata.refresh.interval.ms";
    let config = place.config.clone().set(often, "300");
    let source = KafkaGroup::new(&config, "texts")
        .categories(["note"])
        .source();
    let source_progress = source.progress();
    let runner = Runner::over(&place.store, Texts(nothing()), source).expect("a view");
    let running = tokio::spawn(runner.run(std::future::pending()));
    place.until_texts(&["a", "b", "c"]).await;
    delete_topic(&place.config, &place.topic()).await;
    eventually("the consumer misses its topic", async || {
        source_progress.last_error().is_some() || running.is_finished()
    })
    .await;
    let topics = KafkaTopics::new(&place.config).partitions(1);
    let created = topics.create_for_categories(["note"]).await;
    created.expect("creates");
    place.put(Sent::Plainly, &["d", "e", "f", "g"]).await;
    let ended = tokio::time::timeout(MAX_WAIT, running).await;
    let error = ended
        .expect("ends")
        .expect("no panic")
        .expect_err("is refused");
    assert!(
        matches!(
            error.kind,
            RunnerErrorKind::Source(
                SourceError::TopicReplaced { .. } | SourceError::OutOfRange { .. }
            )
        ),
        "{error:?}"
    );
    assert_eq!(place.texts().await, ["a", "b", "c"]);
}

/// Retention has removed the record before the checkpoint, or everything up to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_lost_what_was_handled_is_the_same_topic() {
    let place = Place::new().await;
    place.put(Sent::Plainly, &["a", "b"]).await;
    place.catch_up(nothing()).await.expect("catches up");
    place.remove_records().await;
    place.catch_up(nothing()).await.expect("nothing is new");
    place.put(Sent::Plainly, &["c"]).await;
    place.catch_up(nothing()).await.expect("catches up");
    place.put(Sent::Plainly, &["d"]).await;
    place.remove_records().await;
    let running = place.runner(nothing()).run(std::future::pending());
    let ended = tokio::time::timeout(MAX_WAIT, running).await;
    let error = ended.expect("ends").expect_err("d is lost");
    let text = chain(&error).to_string();
    assert!(text.contains("has removed the next records"), "{text}");
    assert_eq!(place.texts().await, ["a", "b", "c"]);
}

/// Only markers and aborted records follow the last event, and retention removes them.
#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_follows_markers_and_aborted_records() {
    let place = Place::new().await;
    place.put(COMMITTED, &["a"]).await;
    place.put(ABORTED, &["never"]).await;
    place.reach_the_end().await;
    place.catch_up(nothing()).await.expect("the same topic");
    place.remove_records().await;
    place.catch_up(nothing()).await.expect("no record was lost");
    place.put(COMMITTED, &["b"]).await;
    place.catch_up(nothing()).await.expect("catches up");
    assert_eq!(place.texts().await, ["a", "b"]);
}

/// The runner is fenced and claims again after retention has removed the markers.
#[tokio::test(flavor = "multi_thread")]
async fn a_runner_claims_again_behind_markers_that_are_gone() {
    let place = Place::new().await;
    place.put(COMMITTED, &["a"]).await;
    let (stop, running) = place.start();
    let end = place.end().await;
    eventually("the checkpoint is at the end", async || {
        let found = place
            .store
            .checkpoint(Texts::NAME, &place.partition())
            .await;
        found.expect("reads").is_some_and(|at| at.offset == end)
    })
    .await;
    place.remove_records().await;
    let claimed = place
        .store
        .claim(Texts::NAME, &place.partition(), None)
        .await;
    claimed.expect("fences the runner");
    place.put(COMMITTED, &["b"]).await;
    place.until_texts(&["a", "b"]).await;
    drop(stop);
    running.await.expect("no panic").expect("was stopped");
}
