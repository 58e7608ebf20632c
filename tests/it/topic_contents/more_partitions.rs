//! Partitions that are added to a topic of another producer while it is consumed.

use rdkafka::admin::NewPartitions;

use super::{
    skipped::{Place, Texts, note},
    *,
};

const KEYS: [&str; 16] = [
    "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p",
];

/// A note with each key.
fn notes(numbers: std::ops::Range<usize>) -> Vec<Record> {
    let note = |n: usize| Record {
        key: Some(KEYS[n % KEYS.len()]),
        ..note(&format!("{n:03}"))
    };
    numbers.map(note).collect()
}

fn texts(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|n| format!("{n:03}")).collect()
}

impl Place {
    async fn partitions(&self, count: usize) {
        let topic = self.topic();
        let admin = admin(&self.config);
        let more = [NewPartitions::new(&topic, count)];
        let added = admin.create_partitions(&more, &AdminOptions::new()).await;
        added.expect("responds").remove(0).expect("adds partitions");
        eventually("the brokers know the partitions", async || {
            let metadata = admin.inner().fetch_metadata(Some(&topic), MAX_WAIT);
            metadata.expect("responds").topics()[0].partitions().len() == count
        })
        .await;
    }

    async fn sorted(&self) -> Vec<String> {
        let mut texts = self.texts().await;
        texts.sort_unstable();
        texts
    }
}

/// The new partitions have records before the consumer learns of them. It reads them from their beginning, each once, and goes on
/// in the old partition where it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_running_consumer_reads_partitions_that_are_added() {
    let place = Place::new().await;
    let config = place.config.clone();
    let config = config.set("topic.metadata.refresh.interval.ms", "2000");
    let source = || {
        let group = KafkaGroup::new(&config, "texts").categories(["note"]);
        group.source()
    };
    let runner = Runner::over(&place.store, Texts(Arc::new(|_| {})), source()).expect("a view");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(runner.run(async { drop(stopped.await) }));
    place.send(Sent::Plainly, notes(0..32)).await;
    eventually("the old partition is read", async || {
        place.sorted().await == texts(0..32)
    })
    .await;

    place.partitions(4).await;
    place.send(Sent::Plainly, notes(32..64)).await;
    eventually("the new partitions are read", async || {
        place.texts().await.len() >= 64 || running.is_finished()
    })
    .await;
    place
        .send(Sent::InTransaction { committed: true }, notes(64..96))
        .await;
    eventually("it goes on in all of them", async || {
        place.texts().await.len() >= 96 || running.is_finished()
    })
    .await;
    drop(stop);
    running.await.expect("no panic").expect("was stopped");
    assert_eq!(place.sorted().await, texts(0..96));

    let mut read = 0;
    for partition in 0..4 {
        let partition = PartitionId::Topic {
            topic: place.topic().into(),
            partition,
        };
        let checkpoint = place.store.checkpoint("texts", &partition).await;
        read += u32::from(checkpoint.expect("reads").is_some());
    }
    assert!(read > 1, "the records are in several partitions");
    // Another start finds nothing that was left out or would be handled again.
    place.catch_up(Arc::new(|_| {})).await.expect("runs");
    assert_eq!(place.sorted().await, texts(0..96));
}
