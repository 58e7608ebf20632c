//! What cannot be handled is published as dead letters, which a Java consumer decodes as Spring's.

use std::time::SystemTime;

use cqrs_core::{
    ports::{DeadLetter, DeadLetters, ParkedKey, Published},
    read::{Handler, ParkedKeys},
};
use cqrs_kafka::KafkaDeadLetters;
use cqrs_postgres::PgEventStore;
use servers::ConsumedLetter;
use tokio::sync::{Notify, oneshot};

use super::{
    skipped::{Place, Task, Texts, note},
    *,
};

fn of(stream: &str, text: &str) -> Record {
    note(text).with("ce_id", text).with("ce_subject", stream)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn create_topic(config: &KafkaConfig, topic: &str, partitions: i32, setting: (&str, &str)) {
    let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    let new = [new.set(setting.0, setting.1)];
    // Until the answer: without its client it never comes.
    let admin = admin(config);
    let created = admin.create_topics(&new, &AdminOptions::new()).await;
    created.expect("responds").remove(0).expect("creates");
}

const PLAIN: (&str, &str) = ("cleanup.policy", "delete");

/// The texts that cannot be handled.
#[derive(Clone, Default)]
struct Bad(Arc<Mutex<BTreeSet<&'static str>>>);

impl Bad {
    fn texts(texts: &[&'static str]) -> Self {
        Self(Arc::new(Mutex::new(texts.iter().copied().collect())))
    }

    fn task(&self) -> Task {
        let bad = Arc::clone(&self.0);
        Arc::new(move |text| {
            let is_bad = bad.lock().expect("no panic").contains(text);
            assert!(!is_bad, "planted");
        })
    }

    fn corrected(&self, text: &str) {
        self.0.lock().expect("no panic").remove(text);
    }
}

/// A runner that runs until it is dropped.
struct Running(
    tokio::task::JoinHandle<Result<(), RunnerError>>,
    oneshot::Sender<()>,
);

impl Running {
    fn start<H: Handler<PgEventStore>>(
        runner: Runner<PgEventStore, H, cqrs_kafka::KafkaSource>,
    ) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        Self(
            tokio::spawn(runner.run(async { drop(stopped.await) })),
            stop,
        )
    }

    async fn stop(self) {
        drop(self.1);
        self.0.await.expect("no panic").expect("runs");
    }

    /// As a process that is killed: nothing is finished.
    async fn kill(self) {
        self.0.abort();
        let _ = self.0.await;
    }
}

fn letters_of(place: &Place) -> KafkaDeadLetters {
    KafkaDeadLetters::new(&place.config, "texts")
}

async fn read(place: &Place) -> Vec<ConsumedLetter> {
    let topic = format!("{}-dlt", place.topic());
    servers::dead_letters(place.config.brokers(), &topic).await
}

/// Until nothing is left to publish, and nothing is requested.
async fn published(place: &Place, keys: usize) -> Vec<ParkedKey> {
    let partition = PartitionId::Topic {
        topic: place.topic().as_str().into(),
        partition: 0,
    };
    eventually("everything is published", async || {
        let parked = place.store.parked(Texts::NAME).await.expect("reads");
        let next = place
            .store
            .next_dead_letter(Texts::NAME, &partition, None)
            .await;
        let settled = parked.iter().all(|parked| parked.requested.is_none());
        parked.len() == keys && settled && next.expect("reads").is_none()
    })
    .await;
    place.store.parked(Texts::NAME).await.expect("reads")
}

fn millis(at: SystemTime) -> u128 {
    at.duration_since(UNIX_EPOCH).expect("later").as_millis()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_java_consumer_decodes_dead_letters_as_springs() {
    let place = Place::new().await;
    create_topic(&place.config, &format!("{}-dlt", place.topic()), 5, PLAIN).await;
    let started = millis(SystemTime::now()) - 5_000;
    let bad = of("a", "bad").and("app_bytes", [0, 0xff]);
    let mut records = vec![of("a", "1"), bad.clone(), of("a", "2"), of("a", "worse")];
    // Without keys, by chance they would not all be in the first of five partitions.
    let no_events = 8;
    for _ in 0..no_events {
        records.push(Record::default());
    }
    records.push(of("b", "3"));
    place.send(Sent::Plainly, records).await;

    let texts = Bad::texts(&["bad", "worse"]);
    let runner = place.parking_runner(texts.task());
    let running = Running::start(runner.dead_letters(letters_of(&place)));
    let parked = published(&place, 1 + no_events).await;
    let mut letters = read(&place).await;
    letters.sort_by_key(|letter| letter.offset);
    // What waits behind it is no dead letter.
    let offsets = Vec::from_iter(letters.iter().map(|letter| letter.offset));
    assert_eq!(offsets, [1, 4, 5, 6, 7, 8, 9, 10, 11]);
    let first = &letters[0];
    let headers = bad.headers.iter();
    let headers = headers.map(|(name, value)| (name.clone(), value.as_deref().map(hex)));
    assert_eq!(first.headers, Vec::from_iter(headers));
    assert_eq!(first.key, bad.key.map(|key| hex(key.as_bytes())));
    assert_eq!(first.value, bad.value.as_deref().map(hex));
    assert_eq!(first.topic, place.topic());
    assert_eq!(first.group, place.config.topic("texts"));
    assert_eq!(first.exception, "cqrs.Panicked");
    assert!(first.message.contains("planted"), "{}", first.message);
    assert_eq!(first.timestamp_type, "CreateTime");
    let now = millis(SystemTime::now()) + 5_000;
    let sent = u128::try_from(first.timestamp).expect("after 1970");
    assert!((started..now).contains(&sent), "{sent}");
    for letter in &letters {
        assert_eq!((letter.partition, letter.original_partition), (0, 0));
    }
    let none = &letters[1];
    assert_eq!((&none.key, &none.value), (&None, &None));
    assert_eq!(none.exception, "cqrs.Undecodable");

    // The next one that fails comes to the front, and only it is published.
    texts.corrected("bad");
    let redriven = ParkedKeys::new(&place.store, Texts::NAME);
    let front = parked.iter().find(|parked| parked.event.stream.id() == "a");
    let front = front.expect("it is parked");
    let asked = redriven.redrive_key(front, "corrected").await;
    assert!(asked.expect("asks"));
    eventually("the next one is in front", async || {
        let parked = place.store.parked(Texts::NAME).await.expect("reads");
        let is_next = |parked: &ParkedKey| parked.event.offset == Some(Offset::new(3));
        parked
            .iter()
            .any(|parked| is_next(parked) && parked.attempts > 0)
    })
    .await;
    published(&place, 1 + no_events).await;
    running.stop().await;
    let letters = read(&place).await;
    let worse = letters.iter().filter(|letter| letter.offset == 3);
    assert_eq!((letters.len(), worse.count()), (2 + no_events, 1));
    assert_eq!(place.texts().await, ["1", "3", "bad", "2"]);

    // Another start has nothing to publish.
    let runner = place.parking_runner(texts.task());
    let running = Running::start(runner.dead_letters(letters_of(&place)));
    place.send(Sent::Plainly, vec![of("b", "4")]).await;
    eventually("it is handled", async || {
        place.texts().await.last().is_some_and(|text| text == "4")
    })
    .await;
    running.stop().await;
    assert_eq!(read(&place).await.len(), 2 + no_events);
}

/// Publishes, and then never comes back.
#[derive(Debug)]
struct Gate {
    letters: KafkaDeadLetters,
    published: Arc<Notify>,
}

impl DeadLetters for Gate {
    fn publish<'a>(&'a self, letter: &'a DeadLetter) -> Published<'a> {
        Box::pin(async move {
            self.letters.publish(letter).await?;
            self.published.notify_one();
            std::future::pending().await
        })
    }
}

/// Killed between the acknowledgement of the broker and the note of the store.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_published_again_after_a_kill_before_its_note() {
    let place = Place::new().await;
    create_topic(&place.config, &format!("{}-dlt", place.topic()), 1, PLAIN).await;
    let texts = Bad::texts(&["bad"]);
    let acknowledged = Arc::new(Notify::new());
    let gate = Gate {
        letters: letters_of(&place),
        published: Arc::clone(&acknowledged),
    };
    let runner = place.parking_runner(texts.task());
    let running = Running::start(runner.dead_letters(gate));
    place.send(Sent::Plainly, vec![of("a", "bad")]).await;
    acknowledged.notified().await;
    // The publisher hangs, and nothing waits for it.
    place.send(Sent::Plainly, vec![of("b", "1")]).await;
    eventually("it is handled", async || place.texts().await == ["1"]).await;
    running.kill().await;
    assert_eq!(read(&place).await.len(), 1);

    for _ in 0..2 {
        let runner = place.parking_runner(texts.task());
        let running = Running::start(runner.dead_letters(letters_of(&place)));
        published(&place, 1).await;
        running.stop().await;
        let letters = read(&place).await;
        let offsets = Vec::from_iter(letters.iter().map(|letter| letter.offset));
        assert_eq!(offsets, [0, 0]);
    }
}

/// The topic is missing at first: records are handled all the same, and the letter comes when the topic does.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_topic_of_dead_letters_holds_nothing_up() {
    let place = Place::new().await;
    let texts = Bad::texts(&["bad"]);
    let failed = Arc::new(Notify::new());
    let letters = Watched {
        letters: letters_of(&place),
        failed: Arc::clone(&failed),
    };
    let runner = place.parking_runner(texts.task());
    let running = Running::start(runner.dead_letters(letters));
    place.send(Sent::Plainly, vec![of("a", "bad")]).await;
    failed.notified().await;
    place.send(Sent::Plainly, vec![of("b", "1")]).await;
    eventually("it is handled", async || place.texts().await == ["1"]).await;
    create_topic(&place.config, &format!("{}-dlt", place.topic()), 1, PLAIN).await;
    published(&place, 1).await;
    running.stop().await;
    assert_eq!(read(&place).await.len(), 1);
}

/// Tells of an error, which names the topic.
#[derive(Debug)]
struct Watched {
    letters: KafkaDeadLetters,
    failed: Arc<Notify>,
}

impl DeadLetters for Watched {
    fn publish<'a>(&'a self, letter: &'a DeadLetter) -> Published<'a> {
        Box::pin(async move {
            let outcome = self.letters.publish(letter).await;
            if let Err(error) = &outcome
                && error.to_string().contains("note-dlt")
            {
                self.failed.notify_one();
            }
            outcome
        })
    }
}

/// The topic of dead letters has fewer partitions, and the broker sets the timestamps.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_goes_to_another_partition_where_its_own_is_missing() {
    let config = kafka(&fresh_name());
    let topic = config.topic("note");
    let by_broker = ("message.timestamp.type", "LogAppendTime");
    create_topic(&config, &topic, 7, by_broker).await;
    let dead = format!("{topic}-dlt");
    create_topic(&config, &dead, 1, PLAIN).await;
    // A dead letter that was sent back, and fails again.
    let before = of("a", "bad")
        .and("kafka_dlt-original-offset", 99_i64.to_be_bytes())
        .and("kafka_dlt-exception-message", "before");
    send(&config, &topic, Sent::Plainly, vec![before]).await;
    let store = MemoryEventStore::default();
    let source = KafkaGroup::new(&config, "texts").categories(["note"]);
    let runner = Runner::over(&store, Texts(Bad::texts(&["bad"]).task()), source.source());
    let runner = runner.expect("a view");
    let runner = runner.dead_letters(KafkaDeadLetters::new(&config, "texts"));
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(runner.run(async { drop(stopped.await) }));
    let mut letters = Vec::new();
    eventually("it is published", async || {
        let parked = store.parked(Texts::NAME).await.expect("reads");
        let Some(partition) = parked.first().and_then(|parked| parked.topic.clone()) else {
            return false;
        };
        let next = store.next_dead_letter(Texts::NAME, &partition, None).await;
        next.expect("reads").is_none()
    })
    .await;
    letters.extend(servers::dead_letters(config.brokers(), &dead).await);
    drop(stop);
    running.await.expect("no panic").expect("runs");
    let [letter] = letters.try_into().expect("one");
    assert_ne!(letter.original_partition, 0, "the test needs another key");
    assert_eq!((letter.partition, letter.offset), (0, 0));
    assert_eq!(letter.timestamp_type, "LogAppendTime");
    assert!(letter.message.contains("planted"), "{}", letter.message);
}
