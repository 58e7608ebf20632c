//! Guarantees of the [`Inspect`](cqrs_core::ports::Inspect) port: what it says of the read side is what is there.

use std::time::Duration;

use cqrs_core::{
    EventId, ExpectedVersion, Store, Version,
    model::{
        Checkpoint, Claim, EventFilter, FailedEvent, FailureKind, LeaseTimes, Member, MemberId,
        Offset, OrderingKey, PartitionId, RecordedEvent, Selection, Slices,
    },
    ports::{COUNTED_LAG, Lag, ParkedKey, PartitionInfo, PartitionState, SubscriptionInfo},
};

use super::fixture::{account, append, read_all, stream};

const NAME: &str = "balances";
const HOUR: Duration = Duration::from_secs(3_600);

fn part(index: u16, count: u16) -> PartitionId {
    PartitionId::Log(Slices::part(index, count))
}

async fn subscription<S: Store>(store: &S) -> SubscriptionInfo {
    let overview = store.overview().await.expect("reads");
    let found = overview.subscription(NAME);
    found.expect("it was started").clone()
}

async fn partitions<S: Store>(store: &S) -> Vec<PartitionInfo> {
    subscription(store).await.partitions
}

async fn lags<S: Store>(store: &S) -> Vec<(u64, bool)> {
    let partitions = partitions(store).await;
    let lags = partitions.iter().map(|partition| {
        let lag = partition.lag.expect("of the log");
        assert_eq!(lag.age.is_some(), lag.events > 0, "{lag:?}");
        assert!(lag.age.is_none_or(|age| age < HOUR), "{lag:?}");
        (lag.events, lag.at_least)
    });
    lags.collect()
}

async fn claim<S: Store>(store: &S, partition: &PartitionId) -> Claim {
    let claim = store.claim(NAME, partition, None).await.expect("claims");
    claim.expect("there is such a partition")
}

/// Moves a partition to the place of an event.
async fn read_to<S: Store>(store: &S, partition: &PartitionId, event: &RecordedEvent) {
    let Claim { epoch, at, .. } = claim(store, partition).await;
    let to = Checkpoint::after(event.position, event.id);
    let mut transaction = store.begin().await.expect("begins");
    store
        .advance_in(&mut transaction, NAME, partition, epoch, at, to)
        .await
        .expect("advances");
    store.commit(transaction).await.expect("commits");
}

/// Records what a partition reads.
async fn select<S: Store>(store: &S, partition: &PartitionId, reads: &[EventFilter]) {
    let epoch = claim(store, partition).await.epoch;
    let mut transaction = store.begin().await.expect("begins");
    let selection = Selection::of(reads);
    store
        .select_in(&mut transaction, NAME, partition, epoch, &selection, None)
        .await
        .expect("selects");
    store.commit(transaction).await.expect("commits");
}

/// A stream in each half of the slices, with events that take turns. Returns the events in the order of the log.
async fn two_halves<S: Store>(store: &S, rounds: usize) -> Vec<RecordedEvent> {
    let of = |half: u16| {
        let ids = (0..).map(|id| account(&format!("a{id}")));
        let mut within = ids.filter(move |id| Slices::part(half, 2).contains(id.slice()));
        within.next().expect("there is one")
    };
    let (low, high) = (of(0), of(1));
    for _ in 0..rounds {
        for stream in [&low, &high] {
            let append = append(stream, ExpectedVersion::Any, 1);
            store.append(append).await.expect("appends");
        }
    }
    read_all(store, &[], Slices::ALL, 100).await
}

/// Owner, state and place of each partition, as they are.
pub async fn an_overview_shows_owner_state_and_place<S: Store>(store: S) {
    assert!(
        store
            .overview()
            .await
            .expect("reads")
            .subscriptions
            .is_empty()
    );
    let events = two_halves(&store, 2).await;
    store.subscribe(NAME, 2).await.expect("subscribes");
    let fresh = partitions(&store).await;
    assert_eq!(fresh.len(), 2);
    for (index, partition) in (0..).zip(&fresh) {
        assert_eq!(partition.partition, part(index, 2));
        assert_eq!(partition.at, None);
        assert_eq!(partition.owner, None);
        assert_eq!(partition.state, PartitionState::Ready);
        assert!(partition.owned_for.is_some_and(|since| since < HOUR));
        assert!(partition.moved < HOUR);
    }

    let times = LeaseTimes::new(HOUR, Duration::ZERO);
    let member = Member::new(MemberId::random(), "process 17 on web-1", times);
    let beat = store.heartbeat(NAME, &member, &[]).await.expect("beats");
    assert_eq!(beat.leased.len(), 2);
    read_to(&store, &part(0, 2), &events[2]).await;
    let stopped = part(1, 2);
    let released = store.release(NAME, &stopped, member.id, Some("it broke"));
    released.await.expect("releases");

    let [low, high] = &partitions(&store).await[..] else {
        panic!("two partitions")
    };
    assert_eq!(low.owner.as_deref(), Some("process 17 on web-1"));
    let at = Checkpoint::after(events[2].position, events[2].id);
    assert_eq!(low.at, Some(at));
    assert_eq!(low.state, PartitionState::Ready);
    assert_eq!(high.owner, None);
    let reason = "it broke".to_owned();
    assert_eq!(high.state, PartitionState::Stopped { reason });

    store.leave(NAME, member.id).await.expect("leaves");
    assert_eq!(partitions(&store).await[0].owner, None);
    store.pause(NAME, "a test").await.expect("pauses");
    let paused = partitions(&store).await;
    assert_eq!(paused[0].state, PartitionState::Paused);
    let printed = subscription(&store).await.to_string();
    let place = format!("log slices 0..512 at position {}", events[2].position);
    assert!(printed.contains(&place), "{printed}");
}

/// An owner that is not heard of is no owner.
pub async fn an_overview_shows_no_owner_that_is_not_alive<S: Store>(store: S) {
    store.subscribe(NAME, 1).await.expect("subscribes");
    let times = LeaseTimes::new(Duration::from_millis(1), Duration::ZERO);
    let member = Member::new(MemberId::random(), "gone", times);
    store.heartbeat(NAME, &member, &[]).await.expect("beats");
    let owner = async || partitions(&store).await[0].owner.clone();
    while owner().await.is_some() {
        tokio::task::yield_now().await;
    }
}

/// The lag is what a partition reads, of its slices, behind its own places.
pub async fn the_lag_is_what_a_partition_has_to_handle<S: Store>(store: S) {
    let events = two_halves(&store, 3).await;
    let other = append(&stream("other", "x"), ExpectedVersion::Any, 5);
    store.append(other).await.expect("appends");
    store.subscribe(NAME, 2).await.expect("subscribes");
    let filter = [EventFilter::new("account", &["Happened"])];
    for index in 0..2 {
        select(&store, &part(index, 2), &filter).await;
    }
    assert_eq!(lags(&store).await, [(3, false), (3, false)]);
    read_to(&store, &part(0, 2), &events[3]).await;
    assert_eq!(lags(&store).await, [(1, false), (3, false)]);

    // The lower half is ahead of what both become.
    let made = store.repartition(NAME, 1, "a test").await;
    assert_eq!(made.expect("changes"), 1);
    assert_eq!(lags(&store).await, [(4, false)]);
    let last = events.last().expect("an event");
    read_to(&store, &part(0, 1), last).await;
    let lag = partitions(&store).await[0].lag;
    assert_eq!(lag, Some(Lag::NONE));
}

/// A partition that is far behind costs no more than a bound.
pub async fn a_long_lag_is_counted_up_to_a_bound<S: Store>(store: S) {
    let whole = usize::try_from(COUNTED_LAG).expect("fits");
    let stream = account("long");
    let mut left = whole;
    while left > 0 {
        let events = left.min(1_000);
        let append = append(&stream, ExpectedVersion::Any, events);
        store.append(append).await.expect("appends");
        left -= events;
    }
    store.subscribe(NAME, 1).await.expect("subscribes");
    assert_eq!(lags(&store).await, [(COUNTED_LAG, false)]);
    let one_more = append(&stream, ExpectedVersion::Any, 1);
    store.append(one_more).await.expect("appends");
    assert_eq!(lags(&store).await, [(COUNTED_LAG, true)]);
}

/// A partition of a topic has a place, and no owner or lag that the store would know.
pub async fn an_overview_shows_partitions_of_topics<S: Store>(store: S) {
    let partition = PartitionId::Topic {
        topic: "shop.order/x".into(),
        partition: 3,
    };
    let Claim { epoch, at, .. } = claim(&store, &partition).await;
    let to = Checkpoint::new(Offset::new(17), None);
    let mut transaction = store.begin().await.expect("begins");
    store
        .advance_in(&mut transaction, NAME, &partition, epoch, at, to)
        .await
        .expect("advances");
    store.commit(transaction).await.expect("commits");
    let [found] = &partitions(&store).await[..] else {
        panic!("one partition")
    };
    assert_eq!(found.partition, partition);
    assert_eq!((found.at, found.lag), (Some(to), None));
    assert_eq!(found.to_string(), "topic shop.order/x/3 at offset 17");
}

/// Parked keys are counted in groups of one cause, the one with the oldest event first.
pub async fn an_overview_counts_parked_keys_by_their_cause<S: Store>(store: S) {
    let all = part(0, 1);
    store.subscribe(NAME, 1).await.expect("subscribes");
    let parked = |id: &str, position: u64, reason: &str| {
        let event = FailedEvent::new(
            EventId::random(),
            account(id),
            Version::new(1),
            cqrs_core::Position::new(position),
            "Deposited",
        );
        let key = OrderingKey::from(account(id));
        ParkedKey::new(NAME, key, event, FailureKind::Undecodable, reason, 1)
    };
    let keys = [
        parked("a", 7, "missing field `cents`"),
        parked("b", 9, "no account 17"),
        parked("c", 5, "no account 18"),
    ];
    let Claim { epoch, at, .. } = claim(&store, &all).await;
    let mut transaction = store.begin().await.expect("begins");
    let to = Checkpoint::new(Offset::new(9), Some(EventId::random()));
    store
        .advance_in(&mut transaction, NAME, &all, epoch, at, to)
        .await
        .expect("advances");
    for key in &keys {
        let parks = store.park_in(&mut transaction, key, 100).await;
        assert!(parks.expect("parks"));
    }
    store.commit(transaction).await.expect("commits");
    let b = &keys[1];
    let asked = store.redrive(b, "fixed").await;
    assert!(asked.expect("asks"));

    let found = subscription(&store).await;
    assert_eq!(found.parked_keys(), 3);
    let shown = found.parked.iter().map(|group| {
        assert!(group.parked_for < HOUR);
        (group.to_string(), group.requested)
    });
    let expected = [
        ("2 keys: Deposited: no account 18".to_owned(), 1),
        ("1 key: Deposited: missing field `cents`".to_owned(), 0),
    ];
    assert_eq!(Vec::from_iter(shown), expected);
    assert_eq!(found.parked[0].fingerprint, keys[2].fingerprint);
}

/// What people changed is listed from the newest on, page by page.
pub async fn operations_are_listed_from_the_newest_on<S: Store>(store: S) {
    store.subscribe(NAME, 1).await.expect("subscribes");
    for partitions in 1..=5 {
        let reason = format!("why {partitions}");
        let made = store.repartition(NAME, partitions, &reason);
        made.await.expect("changes");
    }
    let mut before = None;
    let mut reasons = Vec::new();
    loop {
        let page = store.operations(before, 2).await.expect("reads");
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        reasons.extend(page.into_iter().map(|operation| {
            assert_eq!(operation.verb, "repartition");
            assert_eq!(operation.arguments["subscription"], NAME);
            assert!(!operation.who.is_empty());
            operation.reason.expect("a reason")
        }));
    }
    assert_eq!(reasons, ["why 5", "why 4", "why 3", "why 2", "why 1"]);
}

/// A relay is shown with the living process that runs it.
pub async fn an_overview_shows_who_runs_a_relay<S: Store>(store: S) {
    let member = Member::new(
        MemberId::random(),
        "process 17 on web-1",
        LeaseTimes::new(HOUR, Duration::ZERO),
    );
    let held = store.hold_relay("orders", &member).await.expect("holds");
    assert!(held.held);
    let relays = async || store.overview().await.expect("reads").relays;
    let [relay] = &relays().await[..] else {
        panic!("one relay")
    };
    assert_eq!(relay.to_string(), "orders, process 17 on web-1");
    assert!(relay.owned_for.is_some_and(|since| since < HOUR));
    let left = store.leave_relay("orders", member.id).await;
    left.expect("leaves");
    assert_eq!(relays().await[0].owner, None);
}
