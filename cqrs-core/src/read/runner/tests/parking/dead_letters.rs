//! Dead letters: what is in front of a parked key is published, and nothing waits for that.

use super::{
    topics::{Topic, TopicSource, consumer, partition, reached},
    *,
};
use crate::ports::{DeadLetter, DeadLetters, Published};

/// The offsets that are published, after some failures.
#[derive(Debug, Clone, Default)]
struct Letters {
    offsets: Arc<Mutex<Vec<u64>>>,
    failures: Arc<Mutex<u32>>,
}

impl Letters {
    fn offsets(&self) -> Vec<u64> {
        let mut offsets = self.offsets.lock().expect("no panic").clone();
        offsets.sort_unstable();
        offsets
    }

    async fn reach(&self, offsets: &[u64]) {
        while self.offsets() != offsets {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl DeadLetters for Letters {
    fn publish<'a>(&'a self, letter: &'a DeadLetter) -> Published<'a> {
        Box::pin(async move {
            let mut failures = self.failures.lock().expect("no panic");
            if *failures > 0 {
                *failures -= 1;
                return Err("the broker is away".into());
            }
            let offset = letter.record.offset.get();
            self.offsets.lock().expect("no panic").push(offset);
            Ok(())
        })
    }
}

async fn noted(store: &MemoryEventStore) {
    let next = async || {
        let next = store.next_dead_letter(Sums::NAME, &partition(), None).await;
        next.expect("reads")
    };
    while next().await.is_some() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_is_published_when_its_broker_is_back() {
    let (store, topic, bad) = (
        MemoryEventStore::default(),
        Topic::with(30).await,
        Bad::new([7, 8]),
    );
    let letters = Letters::default();
    let fails = |times| *letters.failures.lock().expect("no panic") = times;
    fails(u32::MAX);
    let running = Running::start(consumer(&store, &topic, &bad).dead_letters(letters.clone()));
    reached(&store, 30).await;
    // The others are handled, and the runner is healthy.
    assert_eq!(letters.offsets(), [0; 0]);
    assert_eq!(running.progress.partitions()[&partition()].parked_keys, 2);
    fails(3);
    letters.reach(&[6, 7]).await;
    noted(&store).await;
    running.stop().await;

    // Another start publishes nothing again, and what fails once more is published already.
    let running = Running::start(consumer(&store, &topic, &bad).dead_letters(letters.clone()));
    let [first, _] = settled(&store, 2).await.try_into().expect("two");
    let asked = parked(&store).redrive_key(&first, "a try").await;
    assert!(asked.expect("asks"));
    while all(&store).await[0].attempts == first.attempts {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    noted(&store).await;
    running.stop().await;
    assert_eq!(letters.offsets(), [6, 7]);
}

#[tokio::test(start_paused = true)]
async fn without_a_publisher_nothing_is_published_until_there_is_one() {
    let (store, topic, bad) = (
        MemoryEventStore::default(),
        Topic::with(30).await,
        Bad::new([7]),
    );
    let running = Running::start(consumer(&store, &topic, &bad));
    reached(&store, 30).await;
    settled(&store, 1).await;
    running.stop().await;
    let letters = Letters::default();
    let running = Running::start(consumer(&store, &topic, &bad).dead_letters(letters.clone()));
    letters.reach(&[6]).await;
    noted(&store).await;
    running.stop().await;
    assert_eq!(letters.offsets(), [6]);
}

/// Reads no event of the type `Other`.
struct WithoutOther<H>(H);

#[async_trait]
impl<S: Documents, H: Handler<S>> Handler<S> for WithoutOther<H> {
    fn subscription(&self) -> &str {
        Sums::NAME
    }
    fn reads(&self) -> Result<Vec<EventFilter>, CodecError> {
        Ok(vec![EventFilter::new(Counted::CATEGORY, &["By"])])
    }
    async fn handle(
        &self,
        store: &S,
        tx: &mut S::Transaction,
        batch: &[RecordedEvent],
    ) -> Result<(), HandlerError> {
        let read = batch.iter().filter(|event| &*event.event_type != "Other");
        let read = Vec::from_iter(read.cloned());
        self.0.handle(store, tx, &read).await
    }
}

/// A record that the role does not read is in front of the one that fails again: that one is in front then, and is published.
#[tokio::test(start_paused = true)]
async fn what_failed_again_is_published_and_not_what_is_passed_over() {
    let (store, topic, bad) = (
        MemoryEventStore::default(),
        Topic::with(30).await,
        Bad::new([4, 10]),
    );
    topic.events.lock().expect("no panic")[6].event_type = "Other".into();
    let handler = WithoutOther(bad.view());
    let source: TopicSource = topic.source();
    let runner = Runner::over::<crate::read::handler::role::Handler>(&store, handler, source);
    let letters = Letters::default();
    let runner = runner.expect("a view").batch_size(7);
    let running = Running::start(runner.dead_letters(letters.clone()));
    reached(&store, 30).await;
    let [found] = settled(&store, 1).await.try_into().expect("one");
    bad.set([10]);
    let asked = parked(&store).redrive_key(&found, "corrected").await;
    assert!(asked.expect("asks"));
    let [front] = loop {
        let all = all(&store).await;
        if all[0].requested.is_none() && all[0].event.position > found.event.position {
            break all.try_into().expect("one");
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    assert_eq!(front.event.position.get(), 10);
    letters.reach(&[3, 9]).await;
    bad.set([]);
    let asked = parked(&store).redrive_key(&front, "corrected").await;
    assert!(asked.expect("asks"));
    settled(&store, 0).await;
    running.stop().await;
    assert_eq!(counters(&store).await, expected(30, &[7]));
    assert_eq!(letters.offsets(), [3, 9]);
}
