//! Repeated records, commits with a lost reply, and a slow source. A scripted source acts as the topic.

use std::{
    collections::VecDeque,
    ops::RangeInclusive,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::watch;

use super::{
    super::*,
    Sums, filled,
    hooked::{Call, Hooked},
    sums,
};
use crate::{
    memory::MemoryEventStore,
    model::{Checkpoint, Claim, Lane, Offset, PartitionId, Position, RecordedEvent},
    ports::{Batch, Documents, EventStore, Next, Reader, SourceError, StoreError, StoreErrorKind},
};

/// A source with the records of one partition: it delivers from the checkpoint on.
struct Scripted {
    /// Counts calls down to 0; until then every other call fails.
    unavailable: u32,
    /// The time that a read takes.
    slow: Duration,
    records: Vec<RecordedEvent>,
    /// How many records before these were removed.
    removed: u64,
    handed_out: bool,
    stop: watch::Sender<bool>,
}

struct ScriptedReader {
    /// The time that a read takes.
    slow: Duration,
    partition: PartitionId,
    records: Vec<RecordedEvent>,
    ahead: VecDeque<(u64, RecordedEvent)>,
    stop: watch::Receiver<bool>,
}

impl Scripted {
    fn new(records: Vec<RecordedEvent>) -> Self {
        Self {
            unavailable: 0,
            slow: Duration::ZERO,
            records,
            removed: 0,
            handed_out: false,
            stop: watch::channel(false).0,
        }
    }

    /// Whether this call fails.
    fn is_unavailable(&mut self) -> bool {
        let unavailable = self.unavailable % 2 == 1;
        self.unavailable = self.unavailable.saturating_sub(1);
        unavailable
    }
}

impl Source for Scripted {
    type Reader = ScriptedReader;
    async fn assigned(&mut self) -> Result<Option<ScriptedReader>, SourceError> {
        if self.is_unavailable() {
            return Err(SourceError::Unavailable("planted".into()));
        }
        if std::mem::replace(&mut self.handed_out, true) {
            self.stop.closed().await;
            return Ok(None);
        }
        let records = self.records.clone();
        let stop = self.stop.subscribe();
        Ok(Some(ScriptedReader {
            slow: self.slow,
            partition: topic(),
            records,
            ahead: VecDeque::new(),
            stop,
        }))
    }
    async fn ends(&mut self) -> Result<Vec<(PartitionId, Offset)>, SourceError> {
        if self.is_unavailable() {
            return Err(SourceError::Unavailable("planted".into()));
        }
        let end = Offset::new(self.removed + self.records.len() as u64);
        let is_empty = self.records.is_empty();
        Ok(Vec::from_iter((!is_empty).then(|| (topic(), end))))
    }
    async fn ranges(&mut self) -> Result<Vec<(PartitionId, RangeInclusive<Offset>)>, SourceError> {
        let end = self.removed + self.records.len() as u64;
        let range = Offset::new(self.removed)..=Offset::new(end);
        Ok(vec![(topic(), range)])
    }
    fn stop(&mut self) {
        self.stop.send_replace(true);
    }
}

impl Reader for ScriptedReader {
    fn partition(&self) -> &PartitionId {
        &self.partition
    }
    async fn start(&mut self, claim: &Claim) -> Result<(), SourceError> {
        let from = claim.at.map_or(0, |checkpoint| checkpoint.offset.get());
        self.ahead = (0..)
            .zip(self.records.iter().cloned())
            .filter(|(offset, _)| *offset >= from)
            .collect();
        Ok(())
    }
    async fn next(&mut self, max: usize) -> Result<Next, SourceError> {
        tokio::time::sleep(self.slow).await;
        if self.revoked() {
            return Ok(Next::Revoked);
        }
        if self.ahead.is_empty() {
            let stopped = self.stop.wait_for(|stop| *stop);
            drop(tokio::time::timeout(Duration::from_millis(100), stopped).await);
            return Ok(Next::Idle);
        }
        let taken: Vec<_> = self.ahead.drain(..max.min(self.ahead.len())).collect();
        let next = taken.last().map_or(0, |(offset, _)| offset + 1);
        let events = taken.into_iter().map(|(_, event)| event).collect();
        let next = Checkpoint {
            offset: Offset::new(next),
            event_id: None,
        };
        Ok(Next::Batch(Batch::new(events, next)))
    }
    async fn back_off(&mut self, wait: Duration) {
        tokio::time::sleep(wait).await;
    }
    fn revoked(&self) -> bool {
        *self.stop.borrow()
    }
}

fn topic() -> PartitionId {
    PartitionId::Topic {
        topic: "counters".into(),
        partition: 0,
    }
}

/// The records at these indexes, each in one of two lanes.
fn published(order: &[usize], records: &[RecordedEvent]) -> Vec<RecordedEvent> {
    let lane = |index: usize| {
        if index.is_multiple_of(2) {
            "relay.0"
        } else {
            "relay.1"
        }
    };
    order
        .iter()
        .map(|&index| RecordedEvent {
            lane: Some(Lane::new(lane(index))),
            ..records[index].clone()
        })
        .collect()
}

async fn log(store: &MemoryEventStore) -> Vec<RecordedEvent> {
    let query = crate::ports::LogQuery::new(Position::START, 1_000);
    store.read_log(query).await.expect("reads").events
}

/// A store that returns an unknown outcome for every other commit, although the commit succeeded.
fn loses_replies(store: &MemoryEventStore, lost: &Arc<Mutex<u32>>) -> Hooked {
    let (lost, next) = (Arc::clone(lost), Arc::new(AtomicBool::new(true)));
    Hooked::new(store, move |call| {
        let loses = call == Call::AfterCommit && next.fetch_xor(true, Ordering::Relaxed);
        *lost.lock().expect("no panic") += u32::from(loses);
        std::future::ready(match loses {
            true => Err(StoreError::new(StoreErrorKind::OutcomeUnknown, "planted")),
            false => Ok(()),
        })
    })
}

async fn consume<S: Checkpoints + Inbox + Parking + Documents>(
    store: &S,
    records: Vec<RecordedEvent>,
) {
    consume_from(store, Scripted::new(records)).await;
}

async fn consume_from<S: Checkpoints + Inbox + Parking + Documents>(store: &S, source: Scripted) {
    let runner = Runner::over::<crate::read::handler::role::View>(store, Sums, source)
        .expect("a view")
        .batch_size(3);
    runner.catch_up().await.expect("runs");
}

/// What `catch_up` returns over a topic that has lost `removed` records and has no others.
async fn catch_up_over_emptied(store: &MemoryEventStore, removed: u64) -> Result<(), RunnerError> {
    let mut emptied = Scripted::new(Vec::new());
    emptied.removed = removed;
    let runner = Runner::over::<crate::read::handler::role::View>(store, Sums, emptied);
    runner.expect("a view").catch_up().await
}

/// The topic was emptied by retention, or created again.
#[tokio::test]
async fn catch_up_compares_its_checkpoint_with_an_emptied_topic() {
    let records = log(&filled(8).await).await;
    let store = MemoryEventStore::default();
    consume(&store, published(&Vec::from_iter(0..5), &records)).await;
    for removed in [0, 4, 6, 8] {
        let error = catch_up_over_emptied(&store, removed).await;
        let kind = error.expect_err("events were removed").kind;
        let RunnerErrorKind::Source(SourceError::OutOfRange { offset, .. }) = &kind else {
            panic!("{kind:?}")
        };
        assert_eq!(*offset, Offset::new(5));
    }
    let handled = catch_up_over_emptied(&store, 5).await;
    handled.expect("it had all of them");
    let new = MemoryEventStore::default();
    let nothing = catch_up_over_emptied(&new, 8).await;
    nothing.expect("a new subscription begins at the first record");
}

#[tokio::test]
async fn repeats_within_a_lane_are_handled_once() {
    let records = log(&filled(8).await).await;
    let store = MemoryEventStore::default();
    // Two lanes, even and odd. Repeats within a batch, in a later batch, and of several records.
    let order = [0, 1, 0, 2, 3, 1, 2, 4, 0, 2, 4, 5, 7, 5, 6, 6, 7];
    consume(&store, published(&order, &records)).await;
    assert_eq!(sums(&store).await, Vec::from_iter(1..=8));
}

#[tokio::test(start_paused = true)]
async fn a_batch_with_a_lost_commit_reply_is_applied_once() {
    let records = log(&filled(40).await).await;
    let inner = MemoryEventStore::default();
    let lost = Arc::new(Mutex::new(0));
    let store = loses_replies(&inner, &lost);
    consume(&store, published(&Vec::from_iter(0..40), &records)).await;
    assert_eq!(sums(&inner).await, Vec::from_iter(1..=40));
    assert!(*lost.lock().expect("no panic") > 3, "replies were lost");
}

#[tokio::test(start_paused = true)]
async fn a_runner_waits_for_a_slow_source() {
    let records = log(&filled(8).await).await;
    let store = MemoryEventStore::default();
    let published = published(&Vec::from_iter(0..8), &records);
    let source = Scripted {
        slow: Duration::from_secs(60),
        ..Scripted::new(published)
    };
    consume_from(&store, source).await;
    assert_eq!(sums(&store).await, Vec::from_iter(1..=8));
}

#[tokio::test(start_paused = true)]
async fn an_unavailable_source_is_retried_at_the_start() {
    let records = log(&filled(8).await).await;
    let store = MemoryEventStore::default();
    let source = Scripted {
        unavailable: 5,
        ..Scripted::new(published(&Vec::from_iter(0..8), &records))
    };
    consume_from(&store, source).await;
    assert_eq!(sums(&store).await, Vec::from_iter(1..=8));
}
