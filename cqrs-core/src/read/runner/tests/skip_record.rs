//! Passing over a record of a topic. A scripted source acts as the topic.

use std::{pin::Pin, sync::Mutex, time::Duration};

use tokio::sync::watch;

use super::{super::*, Claim, Faulty, Sums, claim_of, filled, sums};
use crate::{
    memory::MemoryEventStore,
    model::{Checkpoint, Lane, Offset, PartitionId, Position, RecordedEvent, chain},
    ports::{
        Batch, Discards, EventStore, FoundRecord, LogQuery, Next, Reader, RecordSource,
        SourceError, StoreError, StoreErrorKind, TopicRecord, UnitOfWork,
    },
    read::handler::role,
    roles::{HandlerError, View},
};

/// What a topic holds: events, records that are not events, and offsets without a record, such as markers.
#[derive(Debug, Clone)]
enum Entry {
    Event(Box<RecordedEvent>),
    Garbage,
    Marker,
}

use Entry::{Event, Garbage, Marker};

fn index(offset: Offset) -> usize {
    usize::try_from(offset.get()).expect("a small topic")
}

type Hook = Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>;

struct Topic {
    entries: Vec<Entry>,
    handed_out: bool,
    stop: watch::Sender<bool>,
    /// Runs when a single record is looked at.
    at_look: Hook,
}

struct TopicReader {
    entries: Vec<Entry>,
    at: usize,
    partition: PartitionId,
    stop: watch::Receiver<bool>,
}

fn partition() -> PartitionId {
    PartitionId::Topic {
        topic: "counters".into(),
        partition: 0,
    }
}

fn topic(entries: &[Entry]) -> Topic {
    Topic {
        entries: entries.to_vec(),
        handed_out: false,
        stop: watch::channel(false).0,
        at_look: Mutex::default(),
    }
}

impl Source for Topic {
    type Reader = TopicReader;
    async fn assigned(&mut self) -> Result<Option<TopicReader>, SourceError> {
        if std::mem::replace(&mut self.handed_out, true) {
            self.stop.closed().await;
            return Ok(None);
        }
        Ok(Some(TopicReader {
            entries: self.entries.clone(),
            at: 0,
            partition: partition(),
            stop: self.stop.subscribe(),
        }))
    }
    async fn ends(&mut self) -> Result<Vec<(PartitionId, Offset)>, SourceError> {
        let is_record = |entry: &Entry| !matches!(entry, Marker);
        let last = self.entries.iter().rposition(is_record);
        let end = |last| (partition(), Offset::new(last as u64 + 1));
        Ok(last.map(end).into_iter().collect())
    }
    fn stop(&mut self) {
        self.stop.send_replace(true);
    }
}

impl Reader for TopicReader {
    fn partition(&self) -> &PartitionId {
        &self.partition
    }
    async fn start(&mut self, claim: &Claim) -> Result<(), SourceError> {
        self.at = claim.at.map_or(0, |at| index(at.offset));
        Ok(())
    }
    async fn next(&mut self, max: usize) -> Result<Next, SourceError> {
        if self.revoked() {
            return Ok(Next::Revoked);
        }
        let mut events = Vec::new();
        while let Some(entry) = self.entries.get(self.at)
            && events.len() < max
        {
            match entry {
                Event(event) => {
                    events.push(RecordedEvent::clone(event).offset(Offset::new(self.at as u64)));
                }
                Marker => {}
                Garbage if events.is_empty() => {
                    return Err(SourceError::Malformed {
                        partition: partition(),
                        offset: Offset::new(self.at as u64),
                        reason: "planted".into(),
                    });
                }
                Garbage => break,
            }
            self.at += 1;
        }
        if events.is_empty() {
            let stopped = self.stop.wait_for(|stop| *stop);
            drop(tokio::time::timeout(Duration::from_millis(100), stopped).await);
            return Ok(Next::Idle);
        }
        let last = events.last().and_then(|event| event.offset);
        let next = Offset::new(last.map_or(0, |last| last.get() + 1));
        Ok(Next::Batch(Batch::new(events, Checkpoint::new(next, None))))
    }
    async fn back_off(&mut self, wait: Duration) {
        tokio::time::sleep(wait).await;
    }
    fn revoked(&self) -> bool {
        *self.stop.borrow()
    }
}

impl RecordSource for Topic {
    async fn first_record(
        &self,
        _: &PartitionId,
        from: Option<Offset>,
    ) -> Result<Option<FoundRecord>, SourceError> {
        let hook = self.at_look.lock().expect("no panic").take();
        if let Some(hook) = hook {
            hook.await;
        }
        let from = index(from.unwrap_or_default());
        let entries = self.entries.iter().enumerate().skip(from);
        let mut records = entries.filter(|(_, entry)| !matches!(entry, Marker));
        Ok(records.next().map(|(offset, entry)| {
            let offset = Offset::new(offset as u64);
            let event = match entry {
                Event(event) => Some(RecordedEvent::clone(event).offset(offset)),
                _ => None,
            };
            let value = Some(&b"value"[..]);
            FoundRecord::new(
                TopicRecord::new("counters", 0, offset, None, value, []),
                event,
            )
        }))
    }
}

/// The first `count` events of a log as entries of a topic.
async fn published(count: usize) -> Vec<Entry> {
    let log = filled(count as u64).await;
    let log = log.read_log(LogQuery::new(Position::START, 1_000)).await;
    let published = |event: RecordedEvent| Event(Box::new(event.lane(Lane::new("relay.0"))));
    let events = log.expect("reads").events;
    events.into_iter().map(published).collect()
}

/// Fails at these positions.
fn fails_at(
    poison: &'static [u64],
) -> Faulty<impl Fn(&[RecordedEvent]) -> Result<(), HandlerError> + Send + Sync + 'static> {
    Faulty(move |batch: &[RecordedEvent]| {
        let is_poison = |event: &&RecordedEvent| poison.contains(&event.position.get());
        match batch.iter().find(is_poison) {
            Some(event) => Err(HandlerError::poison(event.id, "planted")),
            None => Ok(()),
        }
    })
}

async fn catch_up(
    store: &MemoryEventStore,
    entries: &[Entry],
    poison: &'static [u64],
) -> Result<(), RunnerError> {
    let runner = Runner::over::<role::Handler>(store, fails_at(poison), topic(entries));
    runner.expect("a handler").catch_up().await
}

async fn skip(
    store: &MemoryEventStore,
    entries: &[Entry],
    offset: u64,
) -> Result<crate::ports::Discarded, SkipError> {
    let runner = Runner::over::<role::View>(store, Sums, topic(entries)).expect("a view");
    let offset = Offset::new(offset);
    runner
        .skip_record("counters", 0, offset, "a test wrote it")
        .await
}

/// Runs to the end of the topic, and skips the record that each error names.
async fn skip_what_stops(
    store: &MemoryEventStore,
    entries: &[Entry],
    poison: &'static [u64],
) -> Vec<u64> {
    let mut skipped = Vec::new();
    while let Err(error) = catch_up(store, entries, poison).await {
        let text = chain(&error).to_string();
        assert!(text.contains("`Runner::skip_record`"), "{text}");
        let (_, rest) = text.split_once("offset ").expect("an offset");
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let offset = digits.parse().expect("a number");
        skip(store, entries, offset).await.expect("skips");
        skipped.push(offset);
    }
    skipped
}

#[tokio::test(start_paused = true)]
async fn records_that_stop_a_runner_are_skipped_and_nothing_else() {
    let mut entries = published(9).await;
    entries.insert(0, Garbage);
    entries.insert(4, Marker);
    entries.insert(5, Garbage);
    entries.insert(6, Garbage);
    let store = MemoryEventStore::default();
    let skipped = skip_what_stops(&store, &entries, &[5, 9]).await;
    assert_eq!(skipped, [0, 5, 6, 8, 12]);
    assert_eq!(sums(&store).await, [1, 2, 3, 4, 6, 7, 8]);
    let discarded = store.discarded(Sums::NAME).await.expect("reads");
    let kept = discarded.iter().map(|discarded| {
        let record = discarded.record.as_ref().expect("a record");
        let position = discarded.event.as_ref().map(|event| event.position.get());
        (record.offset.get(), position)
    });
    let expected = [(0, None), (5, None), (6, None), (8, Some(5)), (12, Some(9))];
    assert_eq!(Vec::from_iter(kept), expected);
}

/// The inbox removes repeats from a batch, so the event that fails is the first one that the role gets, and not the first of the
/// batch. The checkpoint must be right before it all the same.
#[tokio::test(start_paused = true)]
async fn a_record_behind_repeats_can_be_skipped() {
    let all = published(6).await;
    let order = [0, 1, 2, 0, 1, 2, 1, 3, 2, 0, 4, 5];
    let entries = order.map(|index: usize| all[index].clone());
    for poison in [&[4][..], &[5], &[4, 5], &[3, 6]] {
        let poison: &'static [u64] = poison.to_vec().leak();
        let store = MemoryEventStore::default();
        let skipped = skip_what_stops(&store, &entries, poison).await;
        assert_eq!(skipped.len(), poison.len(), "{poison:?}: {skipped:?}");
        let handled = (1..=6).filter(|n| !poison.contains(n));
        assert_eq!(sums(&store).await, Vec::from_iter(handled));
    }
}

/// A topic that is published again has the event once more: it was received, so it is not delivered again.
#[tokio::test(start_paused = true)]
async fn a_skipped_event_stays_skipped_after_publish_again() {
    let entries = published(3).await;
    let store = MemoryEventStore::default();
    assert_eq!(skip_what_stops(&store, &entries, &[3]).await, [2]);
    let runner = Runner::over::<role::View>(&store, Sums, topic(&entries)).expect("a view");
    runner.rewind("published again").await.expect("rewinds");
    catch_up(&store, &entries, &[3]).await.expect("a repeat");
    assert_eq!(sums(&store).await, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn only_the_next_record_can_be_skipped_and_only_once() {
    let mut entries = published(5).await;
    entries.insert(2, Marker);
    entries.insert(3, Garbage);
    let store = MemoryEventStore::default();
    catch_up(&store, &entries, &[]).await.expect_err("stops");
    let claim = claim_of(&store, &partition()).await;
    for wrong in [0, 1, 2, 4, 99] {
        let error = skip(&store, &entries, wrong).await.expect_err("refused");
        let text = error.to_string();
        assert!(
            text.contains("it is at offset 2, and its next record is at offset 3"),
            "{text}"
        );
    }
    // A call that is refused disturbs nobody.
    let again = claim_of(&store, &partition()).await;
    assert_eq!(again.epoch, claim.epoch + 1);

    skip(&store, &entries, 3).await.expect("skips");
    let error = skip(&store, &entries, 3).await.expect_err("refused");
    assert!(error.to_string().contains("it is at offset 4"), "{error}");
    catch_up(&store, &entries, &[]).await.expect("catches up");
    assert_eq!(sums(&store).await, [1, 2, 3, 4, 5]);
    let error = skip(&store, &entries, 7).await.expect_err("refused");
    assert!(
        error.to_string().contains("no record is there yet"),
        "{error}"
    );
    let runner = Runner::over::<role::View>(&store, Sums, topic(&entries)).expect("a view");
    let error = runner.skip_record("counters", 0, Offset::new(7), " ").await;
    assert!(matches!(error, Err(SkipError::NoReason)), "{error:?}");
}

/// A runner commits between the look at the record and the claim.
#[tokio::test(start_paused = true)]
async fn a_record_is_not_skipped_if_a_runner_has_moved() {
    let entries = published(3).await;
    let store = MemoryEventStore::default();
    let source = topic(&entries);
    let other = store.clone();
    let running = async move {
        let of = partition();
        let claim = claim_of(&other, &of).await;
        let to = Checkpoint::new(Offset::new(1), None);
        let mut transaction = other.begin().await.expect("begins");
        other
            .advance_in(&mut transaction, Sums::NAME, &of, claim.epoch, claim.at, to)
            .await
            .expect("advances");
        other.commit(transaction).await.expect("commits");
    };
    *source.at_look.lock().expect("no panic") = Some(Box::pin(running));
    let runner = Runner::over::<role::View>(&store, Sums, source).expect("a view");
    let error = runner
        .skip_record("counters", 0, Offset::new(0), "why")
        .await;
    let error = error.expect_err("the runner has handled the record");
    assert!(
        matches!(error, SkipError::Moved { at, .. } if at.get() == 1),
        "{error}"
    );
    assert_eq!(store.discarded(Sums::NAME).await.expect("reads"), []);
}

/// The runner of another process tries a record again and again. It is fenced, and goes on behind the record.
#[tokio::test(start_paused = true)]
async fn a_record_can_be_skipped_while_another_runner_is_at_work() {
    let entries = published(5).await;
    let store = MemoryEventStore::default();
    let unavailable = |batch: &[RecordedEvent]| match batch.iter().any(|e| e.position.get() == 3) {
        true => Err(StoreError::new(StoreErrorKind::Unavailable, "planted").into()),
        false => Ok(()),
    };
    let runner = Runner::over::<role::Handler>(&store, Faulty(unavailable), topic(&entries));
    let running = tokio::spawn(runner.expect("a handler").catch_up());
    while skip(&store, &entries, 2).await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    running.await.expect("no panic").expect("goes on");
    assert_eq!(sums(&store).await, [1, 2, 4, 5]);
}
