//! The orders of steps in which a simpler design loses, doubles or reorders events. Each is forced twice: with the simpler steps, which
//! must fail, and with the runner.

use std::sync::atomic::AtomicBool;

use tokio::sync::Notify;

use super::{
    super::hooked::{Call, Hooked},
    *,
};
use crate::{
    memory::MemoryTransaction,
    model::Claim,
    ports::{LogQuery, Parking},
};

const LOG: PartitionId = PartitionId::Log(Slices::ALL);

/// The steps of a runner, one by one, for designs that are simpler than it.
pub(super) struct Steps(pub(super) MemoryEventStore);

impl Steps {
    pub(super) async fn claim(&self) -> Claim {
        claim_of(&self.0, &LOG).await
    }

    async fn keys(&self) -> Vec<OrderingKey> {
        let keys = self.0.parked_keys(Sums::NAME, &LOG).await;
        keys.expect("reads")
    }

    async fn log(&self, after: u64, upto: u64) -> Vec<RecordedEvent> {
        let query = LogQuery::new(Position::new(after), 100).upto(Position::new(upto));
        self.0.read_log(query).await.expect("reads").events
    }

    async fn view(&self, transaction: &mut MemoryTransaction, events: &[RecordedEvent]) {
        if !events.is_empty() {
            let view = Faulty(|_: &[RecordedEvent]| Ok(()));
            let handled = view.handle(&self.0, transaction, events).await;
            handled.expect("handles");
        }
    }

    /// Commits a batch up to a position, without the keys of this set.
    pub(super) async fn batch(&self, claim: &Claim, upto: u64, without: &[OrderingKey]) {
        self.commit(&LOG, claim, upto, without).await;
    }

    /// Commits a batch of a partition.
    pub(super) async fn batch_of(
        &self,
        partition: &PartitionId,
        upto: u64,
        without: &[OrderingKey],
    ) {
        let claim = claim_of(&self.0, partition).await;
        self.commit(partition, &claim, upto, without).await;
    }

    async fn commit(
        &self,
        partition: &PartitionId,
        claim: &Claim,
        upto: u64,
        without: &[OrderingKey],
    ) {
        let PartitionId::Log(slices) = *partition else {
            panic!("of the log")
        };
        let from = claim.at.map_or(0, |at| at.offset.get());
        let events = self.log(from, upto).await;
        let last = events.last().expect("there are some").clone();
        let left = events
            .into_iter()
            .filter(|event| slices.contains(event.stream.slice()))
            .filter(|event| !without.contains(&event.stream.clone().into()));
        let left = Vec::from_iter(left);
        let mut transaction = self.0.begin().await.expect("begins");
        let to = Checkpoint::after(last.position, last.id);
        self.0
            .advance_in(
                &mut transaction,
                Sums::NAME,
                partition,
                claim.epoch,
                claim.at,
                to,
            )
            .await
            .expect("advances");
        self.view(&mut transaction, &left).await;
        self.0.commit(transaction).await.expect("commits");
    }

    /// Parks the key of an event, with a batch up to the event that has nothing else in it.
    pub(super) async fn park(&self, partition: &PartitionId, number: u64) {
        let claim = claim_of(&self.0, partition).await;
        let event = self.log(number - 1, number).await.remove(0);
        let to = Checkpoint::after(event.position, event.id);
        let mut transaction = self.0.begin().await.expect("begins");
        let epoch = claim.epoch;
        let from = claim.at;
        self.0
            .advance_in(&mut transaction, Sums::NAME, partition, epoch, from, to)
            .await
            .expect("advances");
        let key = event.stream.clone().into();
        let refused = FailureKind::Refused;
        let parked = ParkedKey::new(Sums::NAME, key, (&event).into(), refused, "planted", 5);
        let parks = self.0.park_in(&mut transaction, &parked, 1).await;
        assert!(parks.expect("parks"));
        self.0.commit(transaction).await.expect("commits");
    }

    /// It parks c1 at 1, and handles 2 and 3.
    async fn last_owner_parks_c1(&self) {
        self.park(&LOG, 1).await;
        self.batch(&self.claim().await, 3, &[key("c1")]).await;
    }

    /// Redrives a key as if it needed no claim: up to where the subscription stands.
    pub(super) async fn redrive_from_outside(&self, id: &str) {
        let parked = settled(&self.0, 1).await.remove(0);
        let at = self.0.checkpoint(Sums::NAME, &LOG).await.expect("reads");
        let upto = at.map_or(0, |at| at.offset.get());
        let events = self.log(parked.event.position.get() - 1, upto).await;
        let of_it = events
            .into_iter()
            .filter(|event| event.stream.id() == id)
            .collect::<Vec<_>>();
        let mut transaction = self.0.begin().await.expect("begins");
        self.view(&mut transaction, &of_it).await;
        let found = self.0.unpark_in(&mut transaction, &parked).await;
        assert!(found.expect("writes"));
        self.0.commit(transaction).await.expect("commits");
    }
}

/// A store in which the stream c1 is parked at 1, and a batch up to 6 was handled.
async fn with_c1_parked(last: u64) -> (MemoryEventStore, Bad) {
    let store = filled(6).await;
    let bad = Bad::new([1]);
    runner(&store, bad.view())
        .run(caught_up(&store, 6))
        .await
        .expect("runs");
    assert_eq!(counters(&store).await, expected(6, &[1, 4]));
    count(&store, 7..=last).await;
    bad.set([]);
    (store, bad)
}

/// Waits at the hook once, until the test goes on.
#[derive(Clone, Default)]
struct Gate {
    reached: Arc<Notify>,
    open: Arc<Notify>,
    used: Arc<AtomicBool>,
}

impl Gate {
    async fn pass(self) -> Result<(), StoreError> {
        if !self.used.swap(true, Ordering::SeqCst) {
            self.reached.notify_one();
            self.open.notified().await;
        }
        Ok(())
    }

    fn at(&self, store: &MemoryEventStore, call: Call) -> Hooked {
        let gate = self.clone();
        Hooked::new(store, move |now| {
            let gate = (now == call).then(|| gate.clone());
            async move {
                match gate {
                    Some(gate) => gate.pass().await,
                    None => Ok(()),
                }
            }
        })
    }
}

async fn ask(store: &MemoryEventStore) {
    let front = all(store).await.remove(0);
    let asked = parked(store).redrive_key(&front, "repaired").await;
    assert!(asked.expect("asks"));
}

/// Somebody else lets the key go while a worker keeps its set.
#[tokio::test(start_paused = true)]
async fn what_is_let_go_is_passed_over_by_nobody() {
    let (store, _) = with_c1_parked(6).await;
    let simple = Steps(store.clone());
    let claim = simple.claim().await;
    let kept = simple.keys().await;
    simple.redrive_from_outside("c1").await;
    count(&store, 7..=9).await;
    simple.batch(&claim, 9, &kept).await;
    assert_eq!(counters(&store).await, expected(9, &[7]), "7 is lost");

    let (store, bad) = with_c1_parked(6).await;
    let running = Running::start(runner(&store, bad.view()));
    caught_up(&store, 6).await;
    ask(&store).await;
    count(&store, 7..=9).await;
    caught_up(&store, 9).await;
    settled(&store, 0).await;
    running.stop().await;
    assert_eq!(counters(&store).await, expected(9, &[]));
}

/// A worker reads the set before each batch, and the key is let go between that and the commit.
#[tokio::test(start_paused = true)]
async fn a_redrive_during_a_batch_comes_after_it() {
    let (store, _) = with_c1_parked(9).await;
    let simple = Steps(store.clone());
    let claim = simple.claim().await;
    let read_before_the_batch = simple.keys().await;
    simple.redrive_from_outside("c1").await;
    simple.batch(&claim, 9, &read_before_the_batch).await;
    assert_eq!(counters(&store).await, expected(9, &[7]), "7 is lost");

    let (store, bad) = with_c1_parked(9).await;
    let gate = Gate::default();
    let hooked = gate.at(&store, Call::BeforeCommit);
    // The worker stands before the commit of the batch with 7.
    let running = Running::start(runner(&hooked, bad.view()));
    gate.reached.notified().await;
    ask(&store).await;
    gate.open.notify_one();
    caught_up(&store, 9).await;
    settled(&store, 0).await;
    running.stop().await;
    assert_eq!(counters(&store).await, expected(9, &[]));
}

/// The set is read before the claim, and the last owner parks a key in between.
#[tokio::test(start_paused = true)]
async fn who_claims_knows_what_was_parked_just_before() {
    let store = filled(6).await;
    let simple = Steps(store.clone());
    let read_before_the_claim = simple.keys().await;
    simple.last_owner_parks_c1().await;
    let claim = simple.claim().await;
    let at = claim.at.expect("it was read").offset.get();
    count(&store, 7..=9).await;
    simple.batch(&claim, 9, &read_before_the_claim).await;
    let handled = &counters(&store).await["c1"];
    assert!(at < 9 && handled.contains(&7), "7 before 1: {handled:?}");

    let store = filled(6).await;
    let gate = Gate::default();
    let hooked = gate.at(&store, Call::BeforeClaim);
    let running = Running::start(runner(&hooked, Bad::default().view()));
    gate.reached.notified().await;
    // It has lost its lease, and finishes what it had begun under its claim.
    Steps(store.clone()).last_owner_parks_c1().await;
    settled(&store, 1).await;
    gate.open.notify_one();
    count(&store, 7..=9).await;
    caught_up(&store, 9).await;
    assert_eq!(counters(&store).await, expected(9, &[1, 4, 7]));
    ask(&store).await;
    settled(&store, 0).await;
    running.stop().await;
    assert_eq!(counters(&store).await, expected(9, &[]));
}

/// A redrive whose answer is lost, and a key that is parked again: each event takes effect once.
#[tokio::test(start_paused = true)]
async fn what_is_redriven_twice_takes_effect_once() {
    let (store, _) = with_c1_parked(6).await;
    let simple = Steps(store.clone());
    // Handled in one transaction and let go in another, with a crash in between: it is redriven again.
    let mut transaction = store.begin().await.expect("begins");
    let events = simple.log(0, 1).await;
    simple.view(&mut transaction, &events).await;
    store.commit(transaction).await.expect("commits");
    simple.redrive_from_outside("c1").await;
    let handled = &counters(&store).await["c1"];
    assert_eq!(*handled, [1, 1, 4], "1 is doubled");

    for lost in 1..=4 {
        let (store, bad) = with_c1_parked(6).await;
        bad.set([4]);
        let calls = Arc::new(AtomicU32::new(0));
        let hooked = Hooked::new(&store, move |call| {
            let loses = call == Call::AfterCommit
                && calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(lost);
            std::future::ready(match loses {
                true => Err(StoreError::new(StoreErrorKind::OutcomeUnknown, "planted")),
                false => Ok(()),
            })
        });
        let running = Running::start(runner(&hooked, bad.view()));
        for _ in 0..3 {
            ask(&store).await;
            settled(&store, 1).await;
            assert_eq!(counters(&store).await, expected(6, &[4]));
        }
        bad.set([]);
        ask(&store).await;
        settled(&store, 0).await;
        running.stop().await;
        assert_eq!(counters(&store).await, expected(6, &[]));
    }
}

/// What is to be discarded is the event that the asker has seen, even if another one comes to the front.
#[tokio::test(start_paused = true)]
async fn only_what_was_seen_is_discarded() {
    let (store, bad) = with_c1_parked(6).await;
    let seen = all(&store).await.remove(0);
    // By key alone: the other asker's redrive brings 4 to the front, and then 4 is discarded.
    bad.set([4]);
    let running = Running::start(runner(&store, bad.view()));
    ask(&store).await;
    let front = settled(&store, 1).await.remove(0);
    assert_eq!(front.event.position.get(), 4);
    assert_eq!(front.key, seen.key);
    let taken = store.discard(&front, "1 is a test").await;
    assert!(taken.expect("answers"), "4 would be lost");
    settled(&store, 0).await;
    running.stop().await;
    assert_eq!(counters(&store).await, expected(6, &[4]));

    let (store, bad) = with_c1_parked(6).await;
    let seen = all(&store).await.remove(0);
    bad.set([4]);
    let running = Running::start(runner(&store, bad.view()));
    ask(&store).await;
    settled(&store, 1).await;
    let taken = parked(&store).discard(&seen, "1 is a test").await;
    assert!(!taken.expect("answers"), "it was handled");
    bad.set([]);
    ask(&store).await;
    settled(&store, 0).await;
    running.stop().await;
    assert_eq!(counters(&store).await, expected(6, &[]));
}
