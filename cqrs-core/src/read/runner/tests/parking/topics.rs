//! Parking over a topic: the records that wait are kept.

use tokio::sync::watch;

use super::*;
use crate::{
    model::{Checkpoint, Lane, Offset},
    ports::{
        Batch, BoxError, Discards, LogQuery, Next, Reader, SourceError, TopicRecord,
        UnreadableRecord,
    },
};

/// One partition of a topic with the events of a log. Records can be added and removed while it is read.
#[derive(Clone, Default)]
pub(super) struct Topic {
    pub(super) events: Arc<Mutex<Vec<RecordedEvent>>>,
    /// The offsets of the records that the source cannot decode now.
    pub(super) unreadable: Arc<Mutex<BTreeSet<u64>>>,
    /// Those whose record has no key.
    pub(super) without_key: Arc<Mutex<BTreeSet<u64>>>,
    /// Reading continues at this offset at the earliest: those before it are gone.
    begin: Arc<Mutex<u64>>,
}

impl Topic {
    /// The events of a log with `count` numbers, in one lane.
    pub(super) async fn with(count: u64) -> Self {
        let topic = Self::default();
        topic.add(count).await;
        topic
    }

    /// Adds the events up to the number `count`.
    pub(super) async fn add(&self, count: u64) {
        let log = filled(count).await;
        let page = log.read_log(LogQuery::new(Position::new(0), 1_000)).await;
        let mut events = self.events.lock().expect("no panic");
        let have = events.len();
        for mut event in page.expect("reads").events.into_iter().skip(have) {
            event.lane = Some(Lane::new("shop/counter"));
            event.offset = Some(Offset::new(events.len() as u64));
            events.push(event);
        }
    }

    pub(super) fn lose_all(&self) {
        let end = self.events.lock().expect("no panic").len() as u64;
        *self.begin.lock().expect("no panic") = end;
    }

    fn is_unreadable(&self, event: &RecordedEvent) -> bool {
        let offset = event.offset.expect("it is of a topic").get();
        self.unreadable.lock().expect("no panic").contains(&offset)
    }

    /// An event whose record cannot be decoded, as a source returns it.
    fn unreadable(&self, event: &RecordedEvent) -> UnreadableRecord {
        let offset = event.offset.expect("it is of a topic").get();
        let has_key = !self.without_key.lock().expect("no panic").contains(&offset);
        UnreadableRecord::new(record_of(event), has_key.then(|| event.stream.clone()))
    }

    pub(super) fn source(&self) -> TopicSource {
        TopicSource {
            topic: self.clone(),
            handed_out: false,
            stop: watch::channel(false).0,
        }
    }
}

pub(super) fn partition() -> PartitionId {
    PartitionId::Topic {
        topic: "shop.counter".into(),
        partition: 3,
    }
}

pub(super) struct TopicSource {
    topic: Topic,
    handed_out: bool,
    stop: watch::Sender<bool>,
}

impl Source for TopicSource {
    type Reader = TopicReader;
    async fn assigned(&mut self) -> Result<Option<TopicReader>, SourceError> {
        if std::mem::replace(&mut self.handed_out, true) {
            self.stop.closed().await;
            return Ok(None);
        }
        Ok(Some(TopicReader {
            partition: partition(),
            topic: self.topic.clone(),
            at: 0,
            keeps: false,
            stop: self.stop.subscribe(),
        }))
    }
    async fn ends(&mut self) -> Result<Vec<(PartitionId, Offset)>, SourceError> {
        Ok(Vec::new())
    }
    fn stop(&mut self) {
        self.stop.send_replace(true);
    }
}

pub(super) struct TopicReader {
    partition: PartitionId,
    topic: Topic,
    at: u64,
    keeps: bool,
    stop: watch::Receiver<bool>,
}

impl Reader for TopicReader {
    fn partition(&self) -> &PartitionId {
        &self.partition
    }
    async fn start(&mut self, claim: &Claim) -> Result<(), SourceError> {
        self.at = claim.at.map_or(0, |at| at.offset.get());
        Ok(())
    }
    async fn next(&mut self, max: usize) -> Result<Next, SourceError> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        if self.revoked() {
            return Ok(Next::Revoked);
        }
        let begin = *self.topic.begin.lock().expect("no panic");
        assert!(self.at >= begin || begin == 0, "offset {} is gone", self.at);
        let at = usize::try_from(self.at).expect("small");
        let events = self.topic.events.lock().expect("no panic");
        let events: Vec<_> = events.iter().skip(at).take(max).cloned().collect();
        let Some(last) = events.last() else {
            return Ok(Next::Idle);
        };
        let id = (!self.topic.is_unreadable(last)).then_some(last.id);
        let next = Checkpoint::new(Offset::new(self.at + events.len() as u64), id);
        self.at = next.offset.get();
        let is_unreadable = |event: &RecordedEvent| self.topic.is_unreadable(event);
        let (unreadable, events): (Vec<_>, Vec<_>) = events.into_iter().partition(is_unreadable);
        let records = events.iter().filter(|_| self.keeps).map(record_of);
        let records = records.collect();
        let unreadable = unreadable.iter().map(|event| self.topic.unreadable(event));
        let batch = Batch::new(events, next).records(records);
        Ok(Next::Batch(batch.unreadable(unreadable.collect())))
    }
    async fn back_off(&mut self, wait: Duration) {
        tokio::time::sleep(wait).await;
    }
    fn revoked(&self) -> bool {
        *self.stop.borrow()
    }
    fn keep_records(&mut self, keep: bool) -> bool {
        self.keeps = keep;
        true
    }
    fn decode(&self, record: &TopicRecord) -> Result<RecordedEvent, BoxError> {
        let offset = usize::try_from(record.offset.get())?;
        let event = self.topic.events.lock().expect("no panic")[offset].clone();
        if self.topic.is_unreadable(&event) {
            return Err("its version byte is \0".into());
        }
        Ok(event)
    }
}

fn record_of(event: &RecordedEvent) -> TopicRecord {
    let key = Some(event.stream.id().to_owned().into());
    let payload = Some(event.payload.clone());
    let offset = event.offset.expect("it is of a topic");
    TopicRecord::whole("shop.counter", 3, offset, key, payload, Vec::new())
}

pub(super) fn consumer(
    store: &MemoryEventStore,
    topic: &Topic,
    bad: &Bad,
) -> Runner<MemoryEventStore, impl Handler<MemoryEventStore> + use<>, TopicSource> {
    let runner =
        Runner::over::<crate::read::handler::role::Handler>(store, bad.view(), topic.source());
    runner.expect("a view").batch_size(7)
}

pub(super) async fn reached(store: &MemoryEventStore, offset: u64) {
    loop {
        let at = store.checkpoint(Sums::NAME, &partition()).await;
        if at
            .expect("reads")
            .is_some_and(|at| at.offset.get() >= offset)
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn others_go_on_while_a_key_of_a_topic_waits() {
    let (store, topic, bad) = (
        MemoryEventStore::default(),
        Topic::with(30).await,
        Bad::new([7]),
    );
    let running = Running::start(consumer(&store, &topic, &bad));
    reached(&store, 30).await;
    let waits = Vec::from_iter((7..=30).filter(|number| number % 3 == 1));
    assert_eq!(counters(&store).await, expected(30, &waits));
    let [found] = settled(&store, 1).await.try_into().expect("one");
    assert_eq!((found.key.clone(), found.attempts), (key("c1"), 5));
    assert_eq!(found.topic, Some(partition()));
    assert_eq!(found.event.offset, Some(Offset::new(6)));
    assert_eq!(store.waiting(&found).await.expect("counts"), 8);
    assert_eq!(running.progress.partitions()[&partition()].parked_keys, 1);

    // What waits is kept: the topic may lose it.
    topic.lose_all();
    bad.set([]);
    let asked = parked(&store).redrive(found.fingerprint, "corrected").await;
    assert_eq!(asked.expect("asks"), 1);
    settled(&store, 0).await;
    assert_eq!(counters(&store).await, expected(30, &[]));
    assert_eq!(store.waiting(&found).await.expect("counts"), 0);
    topic.add(40).await;
    reached(&store, 40).await;
    assert_eq!(counters(&store).await, expected(40, &[]));
    running.stop().await;
}

/// Events arrive, the consumer is started again, another one of the key fails, and one is discarded: each event is handled once, in order.
#[tokio::test(start_paused = true)]
async fn each_event_of_a_parked_key_is_handled_once() {
    let (store, topic) = (MemoryEventStore::default(), Topic::with(20).await);
    let bad = Bad::new([4, 8]);
    let running = Running::start(consumer(&store, &topic, &bad));
    reached(&store, 20).await;
    settled(&store, 2).await;
    running.stop().await;
    topic.add(40).await;
    let running = Running::start(consumer(&store, &topic, &bad));
    reached(&store, 40).await;
    let all = settled(&store, 2).await;
    let c1 = all.iter().find(|parked| parked.key == key("c1"));
    let c1 = c1.expect("it is parked").clone();
    assert_eq!(store.waiting(&c1).await.expect("counts"), 13);

    // The next one of c1 fails, too.
    bad.set([8, 31]);
    assert!(
        parked(&store)
            .redrive_key(&c1, "corrected")
            .await
            .expect("asks")
    );
    let front = loop {
        let all = settled(&store, 2).await;
        let c1 = all.into_iter().find(|parked| parked.key == key("c1"));
        let c1 = c1.expect("it is parked");
        if c1.event.position.get() == 31 {
            break c1;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    assert_eq!(front.event.offset, Some(Offset::new(30)));
    assert_eq!(store.waiting(&front).await.expect("counts"), 4);
    let asked = parked(&store).discard(&front, "a test wrote it").await;
    assert!(asked.expect("asks"));
    settled(&store, 1).await;
    bad.set([]);
    for parked_key in settled(&store, 1).await {
        assert!(
            parked(&store)
                .redrive_key(&parked_key, "corrected")
                .await
                .expect("asks")
        );
    }
    settled(&store, 0).await;
    assert_eq!(counters(&store).await, expected(40, &[31]));
    let discarded = store.discarded(Sums::NAME).await.expect("reads");
    let [discarded] = discarded.try_into().expect("one");
    let record = discarded.record.expect("the record is kept");
    assert_eq!(record.offset, Offset::new(30));
    assert_eq!(discarded.event.expect("it is an event").id, front.event.id);
    running.stop().await;
}

/// A key is parked and its runner is rewound: what waits is neither lost nor handled twice.
#[tokio::test(start_paused = true)]
async fn a_rewind_keeps_what_waits() {
    let (store, topic, bad) = (
        MemoryEventStore::default(),
        Topic::with(20).await,
        Bad::new([7]),
    );
    let running = Running::start(consumer(&store, &topic, &bad));
    reached(&store, 20).await;
    settled(&store, 1).await;
    running.stop().await;
    let rewound = consumer(&store, &topic, &bad).rewind("a test").await;
    rewound.expect("rewinds");
    let running = Running::start(consumer(&store, &topic, &bad));
    reached(&store, 20).await;
    bad.set([]);
    let [found] = settled(&store, 1).await.try_into().expect("one");
    assert!(
        parked(&store)
            .redrive_key(&found, "corrected")
            .await
            .expect("asks")
    );
    settled(&store, 0).await;
    assert_eq!(counters(&store).await, expected(20, &[]));
    running.stop().await;
}

/// Without a lane nothing tells that they were received; the records that wait do.
#[tokio::test(start_paused = true)]
async fn what_waits_of_another_producer_waits_once_after_a_rewind() {
    let (store, topic, bad) = (
        MemoryEventStore::default(),
        Topic::with(20).await,
        Bad::new([1]),
    );
    for event in &mut *topic.events.lock().expect("no panic") {
        event.lane = None;
    }
    for _ in 0..3 {
        let running = Running::start(consumer(&store, &topic, &bad));
        reached(&store, 20).await;
        settled(&store, 1).await;
        running.stop().await;
        let rewound = consumer(&store, &topic, &bad).rewind("a test").await;
        rewound.expect("rewinds");
    }
    let running = Running::start(consumer(&store, &topic, &bad));
    reached(&store, 20).await;
    let [found] = settled(&store, 1).await.try_into().expect("one");
    assert_eq!(store.waiting(&found).await.expect("counts"), 7);
    bad.set([]);
    let asked = parked(&store).redrive_key(&found, "corrected").await;
    assert!(asked.expect("asks"));
    settled(&store, 0).await;
    assert_eq!(counters(&store).await["c1"], expected(20, &[])["c1"]);
    running.stop().await;
}

/// The user's function skips it, and the record is kept.
#[tokio::test(start_paused = true)]
async fn a_skipped_event_of_a_topic_is_recorded() {
    let (store, topic, bad) = (
        MemoryEventStore::default(),
        Topic::with(10).await,
        Bad::new([7]),
    );
    let consumer = consumer(&store, &topic, &bad).on_failure(|_| ErrorAction::Skip);
    let running = Running::start(consumer);
    reached(&store, 10).await;
    running.stop().await;
    assert_eq!(counters(&store).await, expected(10, &[7]));
    let [discarded] = store
        .discarded(Sums::NAME)
        .await
        .expect("reads")
        .try_into()
        .expect("one");
    assert_eq!(discarded.record.expect("kept").offset, Offset::new(6));
    assert_eq!(all(&store).await, []);
}
