//! Guarantees of the [`Parking`] port.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cqrs_core::{
    EventId, Position, StreamId, Version,
    model::{
        Checkpoint, Claim, EventFilter, FailedEvent, FailureKind, Offset, OrderingKey, PartitionId,
        PartitionedBy, Selection, Slices,
    },
    ports::{
        AdvanceError, CommitError, Control, DeadLetter, ParkedKey, ParkedRequest, Parking,
        Partitions, RepartitionError, TopicRecord, WaitingRecord,
    },
};

use super::fixture::{account, append, at};

const NAME: &str = "balances";
const LOG: PartitionId = PartitionId::Log(Slices::ALL);
const MANY: u64 = 1_000;

fn place(offset: u64) -> Checkpoint {
    Checkpoint::new(Offset::new(offset), Some(EventId::random()))
}

fn failed(stream: StreamId, position: u64) -> FailedEvent {
    let id = EventId::random();
    FailedEvent::new(
        id,
        stream,
        Version::new(3),
        Position::new(position),
        "Deposited",
    )
}

/// A key that its own stream's event has parked.
fn of_stream(id: &str, position: u64) -> ParkedKey {
    let event = failed(account(id), position);
    let reason = "missing field `cents`: \"quoted\", ünïcode\0";
    let key = OrderingKey::from(account(id));
    ParkedKey::new(NAME, key, event, FailureKind::Undecodable, reason, 1)
}

async fn claim<S: Partitions>(store: &S, partition: &PartitionId) -> Claim {
    store.subscribe(NAME, 1).await.expect("subscribes");
    let claim = store.claim(NAME, partition, None).await.expect("claims");
    claim.expect("there is such a partition")
}

/// Writes in a transaction that moves the checkpoint of a fresh claim.
async fn owner<S: Parking + Partitions>(
    store: &S,
    write: impl AsyncFnOnce(&mut S::Transaction),
) -> Result<(), CommitError> {
    let claim = claim(store, &LOG).await;
    let mut transaction = store.begin().await.expect("begins");
    let to = place(claim.at.map_or(1, |at| at.offset.get() + 1));
    store
        .advance_in(&mut transaction, NAME, &LOG, claim.epoch, claim.at, to)
        .await
        .expect("advances");
    write(&mut transaction).await;
    store.commit(transaction).await
}

async fn park<S: Parking + Partitions>(store: &S, parked: &ParkedKey) {
    let written = owner(store, async |transaction| {
        let parks = store.park_in(transaction, parked, MANY).await;
        assert!(parks.expect("parks"));
    });
    written.await.expect("commits");
}

/// Without its times, which are the store's.
async fn all<S: Parking>(store: &S, subscription: &str) -> Vec<ParkedKey> {
    let parked = store.parked(subscription).await.expect("reads");
    let now = SystemTime::now();
    let recent = now - Duration::from_secs(60)..now + Duration::from_secs(60);
    assert!(
        parked
            .iter()
            .all(|parked| recent.contains(&parked.parked_at))
    );
    assert!(
        parked
            .iter()
            .all(|parked| recent.contains(&parked.tried_at))
    );
    Vec::from_iter(parked.into_iter().map(timeless))
}

fn timeless(parked: ParkedKey) -> ParkedKey {
    parked.at(SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH)
}

/// What was committed is found, for its own subscription and slices only, until it is taken out. A rollback leaves nothing.
pub async fn a_parked_key_is_kept_until_it_is_taken_out<S: Parking + Partitions>(store: S) {
    let mut parked = Vec::new();
    for (position, kind) in (5..).zip(FailureKind::ALL) {
        let event = failed(account(&position.to_string()), position);
        let key = OrderingKey::from(event.stream.clone());
        parked.push(ParkedKey::new(NAME, key, event, kind, "it\0fails", 2));
    }
    // The same text, and another key.
    let named = OrderingKey::named(parked[0].key.to_string()).expect("valid");
    let event = failed(account("other"), 99);
    parked.push(ParkedKey::new(
        NAME,
        named,
        event,
        FailureKind::Refused,
        "no",
        1,
    ));
    for parked in parked.iter().rev() {
        park(&store, parked).await;
    }
    let mut transaction = store.begin().await.expect("begins");
    let never = of_stream("never", 200);
    store
        .park_in(&mut transaction, &never, MANY)
        .await
        .expect("parks");
    store.rollback(transaction).await.expect("rolls back");

    let expected = Vec::from_iter(parked.iter().cloned().map(timeless));
    assert_eq!(all(&store, NAME).await, expected);
    assert_eq!(all(&store, "others").await, []);
    for slices in [(0, 512), (512, 1_024), (0, 1_024), (7, 7)] {
        let slices = Slices::new(slices.0, slices.1).expect("valid");
        let within = |parked: &&ParkedKey| slices.contains(parked.event.stream.slice());
        let mut expected = Vec::from_iter(
            parked
                .iter()
                .filter(within)
                .map(|parked| parked.key.clone()),
        );
        let mut found = store
            .parked_keys(NAME, &PartitionId::Log(slices))
            .await
            .expect("reads");
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{slices}");
    }

    let next = parked[1].clone().continued(failed(account("6"), 77));
    let again = parked[2].clone();
    let again = again.failed_again(FailureKind::Panicked, "it panicked");
    let written = owner(&store, async |transaction| {
        for parked in [&parked[0], &parked[5]] {
            let found = store.unpark_in(transaction, parked).await;
            assert!(found.expect("writes"), "{parked}");
            let found = store.unpark_in(transaction, parked).await;
            assert!(!found.expect("writes"), "{parked} is gone");
        }
        for parked in [&next, &again] {
            let found = store.update_parked_in(transaction, parked, 0).await;
            assert!(found.expect("writes"));
        }
        let found = store.update_parked_in(transaction, &never, 0).await;
        assert!(!found.expect("writes"), "it is not parked");
    });
    written.await.expect("commits");
    let (fourth, fifth) = (parked[3].clone(), parked[4].clone());
    let expected = [again, fourth, fifth, next].map(timeless);
    assert_eq!(all(&store, NAME).await, expected);
}

/// A subscription has no more parked keys than it says, and others do not count.
pub async fn no_more_keys_are_parked_than_the_limit<S: Parking + Partitions>(store: S) {
    let mut other = of_stream("a", 1);
    other.subscription = "other".to_owned();
    park(&store, &other).await;
    for (id, expected) in [("a", true), ("b", true), ("c", false)] {
        let written = owner(&store, async |transaction| {
            let parks = store.park_in(transaction, &of_stream(id, 1), 2).await;
            assert_eq!(parks.expect("answers"), expected, "{id}");
        });
        written.await.expect("commits");
    }
    assert_eq!(all(&store, NAME).await.len(), 2);
    let written = owner(&store, async |transaction| {
        let found = store.unpark_in(transaction, &of_stream("a", 1)).await;
        assert!(found.expect("writes"));
        let parks = store.park_in(transaction, &of_stream("c", 1), 2).await;
        assert!(parks.expect("answers"), "there is room");
    });
    written.await.expect("commits");
}

/// A request is taken once, and only for the event that the asker has seen in front.
pub async fn a_request_is_for_the_event_in_front<S: Control>(store: S) {
    let [first, second] = [of_stream("a", 1), of_stream("b", 2)];
    park(&store, &first).await;
    park(&store, &second).await;
    let discard = ParkedRequest::Discard {
        reason: "a test wrote it".to_owned(),
    };
    let asked = async |parked: &ParkedKey, event, request: &ParkedRequest| {
        let mut seen = parked.clone();
        seen.event.id = event;
        let asked = match request {
            ParkedRequest::Discard { reason } => store.discard(&seen, reason).await,
            _ => store.redrive(&seen, "repaired").await,
        };
        asked.expect("answers")
    };
    assert!(!asked(&first, second.event.id, &discard).await);
    assert!(!asked(&of_stream("c", 3), first.event.id, &discard).await);
    assert!(asked(&second, second.event.id, &discard).await);
    assert!(!asked(&second, second.event.id, &ParkedRequest::Redrive).await);
    assert!(asked(&first, first.event.id, &ParkedRequest::Redrive).await);

    let requested = store.requested(NAME, &LOG).await.expect("reads");
    let requested = Vec::from_iter(requested.into_iter().map(timeless));
    let first = timeless(first).requested(Some(ParkedRequest::Redrive));
    let second = timeless(second).requested(Some(discard));
    assert_eq!(
        requested,
        [second.clone(), first.clone()],
        "the oldest first"
    );
    let none = Slices::new(7, 7).expect("valid");
    assert_eq!(
        store
            .requested(NAME, &PartitionId::Log(none))
            .await
            .expect("reads"),
        []
    );

    let failed = first.clone().failed_again(FailureKind::Refused, "still");
    let written = owner(&store, async |transaction| {
        let found = store.update_parked_in(transaction, &failed, 0).await;
        assert!(found.expect("writes"));
    });
    written.await.expect("commits");
    let requested = store.requested(NAME, &LOG).await.expect("reads");
    assert_eq!(requested.len(), 1, "a failure ends the request");
    assert!(asked(&first, first.event.id, &ParkedRequest::Redrive).await);
}

/// Who has lost the partition parks nothing and takes nothing out.
pub async fn a_fenced_owner_changes_no_parked_key<S: Parking + Partitions>(store: S) {
    let parked = of_stream("a", 1);
    park(&store, &parked).await;
    let old = claim(&store, &LOG).await;
    let new = claim(&store, &LOG).await;
    let mut transaction = store.begin().await.expect("begins");
    let fenced = store
        .advance_in(&mut transaction, NAME, &LOG, old.epoch, old.at, place(9))
        .await;
    assert!(matches!(fenced, Err(AdvanceError::Fenced(_))), "{fenced:?}");
    store.rollback(transaction).await.expect("rolls back");

    // The place does not move, and the claim is proved all the same.
    let mut transaction = store.begin().await.expect("begins");
    let at = new.at.expect("it has a place");
    store
        .advance_in(&mut transaction, NAME, &LOG, new.epoch, new.at, at)
        .await
        .expect("stays");
    let found = store.unpark_in(&mut transaction, &parked).await;
    assert!(found.expect("writes"));
    let mut claiming = tokio::spawn({
        let store = store.clone();
        async move { store.claim(NAME, &LOG, None).await }
    });
    // Long enough for the claim to succeed, or to wait for the row.
    let early = tokio::time::timeout(Duration::from_millis(200), &mut claiming).await;
    let committed = store.commit(transaction).await;
    if early.is_err() {
        claiming.await.expect("no panic").expect("claims");
    }
    let left = all(&store, NAME).await.len();
    assert_eq!(left, usize::from(committed.is_err()), "{committed:?}");
}

/// A reset of the subscription takes out what was parked, with the checkpoint or not at all.
pub async fn a_reset_takes_every_parked_key_out<S: Parking + Partitions>(store: S) {
    park(&store, &of_stream("a", 1)).await;
    for commits in [false, true] {
        let mut transaction = store.begin().await.expect("begins");
        store
            .reset_in(&mut transaction, NAME, "again")
            .await
            .expect("resets");
        if commits {
            store.commit(transaction).await.expect("commits");
        } else {
            store.rollback(transaction).await.expect("rolls back");
        }
        let left = all(&store, NAME).await.len();
        assert_eq!(left, usize::from(!commits));
    }
}

/// What waits is counted and read: from the event in front to where the subscription stands, and only what it reads.
pub async fn waiting_events_are_those_of_the_stream<S: Parking + Partitions>(store: S) {
    let stream = account("a");
    for version in 0..6 {
        let events = append(&stream, at(version), 1);
        store.append(events).await.expect("appends");
        let others = append(&account("b"), at(version), 1);
        store.append(others).await.expect("appends");
    }
    let events = store.read_stream_page(&stream, Version::new(1), 3).await;
    let events = events.expect("reads");
    let versions = Vec::from_iter(events.iter().map(|event| event.version.get()));
    assert_eq!(versions, [2, 3, 4]);
    let third = &events[1];
    let key = OrderingKey::from(stream.clone());
    let event = FailedEvent::from(third);
    let parked = ParkedKey::new(NAME, key, event, FailureKind::Refused, "no", 1);
    let waiting = async || store.waiting(&parked).await.expect("counts");
    assert_eq!(waiting().await, 0, "nothing was read");

    let claim = claim(&store, &LOG).await;
    let mut at = None;
    let reads: [&[EventFilter]; 4] = [
        &[],
        &[EventFilter::new("account", &[])],
        &[EventFilter::new("account", &["Happened", "Other"])],
        &[
            EventFilter::new("account", &["Other"]),
            EventFilter::new("order", &[]),
        ],
    ];
    let fifth = store.read_stream_page(&stream, Version::new(4), 1).await;
    let fifth = fifth.expect("reads")[0].clone();
    for (reads, expected) in reads.into_iter().zip([3, 3, 3, 0]) {
        let mut transaction = store.begin().await.expect("begins");
        let to = Checkpoint::after(fifth.position, fifth.id);
        store
            .advance_in(&mut transaction, NAME, &LOG, claim.epoch, at, to)
            .await
            .expect("advances");
        let selection = Selection::of(reads);
        store
            .select_in(&mut transaction, NAME, &LOG, claim.epoch, &selection, None)
            .await
            .expect("selects");
        store.commit(transaction).await.expect("commits");
        at = Some(to);
        assert_eq!(waiting().await, expected, "{reads:?}");
    }
    let none = store
        .read_stream_page(&account("c"), Version::EMPTY, 9)
        .await;
    assert_eq!(none.expect("reads"), []);
}

/// A page of a stream has no more events once their payloads have 8 MiB, and only an empty page is the end.
pub async fn a_page_of_a_stream_is_bounded_in_bytes<S: Parking>(store: S) {
    let stream = account("a");
    for version in 0..12 {
        let mut append = append(&stream, at(version), 1);
        append.events[0].payload = format!("\"{}\"", "x".repeat(900_000)).into();
        store.append(append).await.expect("appends");
    }
    let mut after = Version::EMPTY;
    let mut pages = Vec::new();
    loop {
        let page = store.read_stream_page(&stream, after, 100).await;
        let page = page.expect("reads");
        pages.push(page.len());
        match page.last() {
            Some(last) => after = last.version,
            None => break,
        }
    }
    assert_eq!(pages, [10, 2, 0]);
    let one = store.read_stream_page(&stream, Version::EMPTY, 1).await;
    assert_eq!(one.expect("reads").len(), 1);
}

/// What waits is counted up to the place of its slice, which may be ahead of its partition.
pub async fn waiting_events_are_counted_up_to_their_slice<S: Control>(store: S) {
    let stream = account("a");
    for version in 0..6 {
        let events = append(&stream, at(version), 1);
        store.append(events).await.expect("appends");
    }
    let events = store.read_stream_page(&stream, Version::EMPTY, 6).await;
    let events = events.expect("reads");
    let event = FailedEvent::from(&events[1]);
    let key = OrderingKey::from(stream.clone());
    let parked = ParkedKey::new(NAME, key, event, FailureKind::Refused, "no", 1);
    let waiting = async || store.waiting(&parked).await.expect("counts");
    store.subscribe(NAME, 2).await.expect("subscribes");
    for index in 0..2 {
        let half = Slices::part(index, 2);
        // The slice of the stream is at its fifth event, the others are at its third.
        let is_own = half.contains(stream.slice());
        let last = &events[if is_own { 4 } else { 2 }];
        let half = PartitionId::Log(half);
        let claim = claim(&store, &half).await;
        let mut transaction = store.begin().await.expect("begins");
        let to = Checkpoint::after(last.position, last.id);
        store
            .advance_in(&mut transaction, NAME, &half, claim.epoch, None, to)
            .await
            .expect("advances");
        store.commit(transaction).await.expect("commits");
    }
    assert_eq!(waiting().await, 4);
    let made = store.repartition(NAME, 1, "a test").await;
    assert_eq!(made.expect("joins them"), 1);
    assert_eq!(waiting().await, 4);
}

/// The events of a key that is no stream lie in many slices, so they stay in one partition while it is parked.
pub async fn a_parked_key_that_is_no_stream_keeps_the_partitions<S: Control>(store: S) {
    park(&store, &of_stream("a", 1)).await;
    let made = store.repartition(NAME, 2, "a test").await;
    assert_eq!(made.expect("a stream is in one slice"), 2);
    let made = store.repartition(NAME, 1, "a test").await;
    assert_eq!(made.expect("joins them"), 1);
    let named = OrderingKey::named("order 17").expect("valid");
    let event = failed(account("b"), 2);
    let parked = ParkedKey::new(NAME, named, event, FailureKind::Refused, "no", 1);
    park(&store, &parked).await;
    let refused = store.repartition(NAME, 2, "a test").await;
    assert!(
        matches!(&refused, Err(RepartitionError::Parked(of)) if of == NAME),
        "{refused:?}"
    );
    assert_eq!(store.partitions(NAME).await.expect("reads").len(), 1);
    let written = owner(&store, async |transaction| {
        let found = store.unpark_in(transaction, &parked).await;
        assert!(found.expect("writes"));
    });
    written.await.expect("commits");
    let made = store.repartition(NAME, 2, "a test").await;
    assert_eq!(made.expect("nothing is in the way"), 2);
}

/// Where keys decide the partition, a parked key is in the slice of its name, and goes to its owner whatever the number of partitions is.
pub async fn a_parked_key_that_decides_the_partition_moves_with_its_slice<S: Control>(store: S) {
    let stream = account("b");
    let first_half = |slice: u16| Slices::part(0, 2).contains(slice);
    // Not in the half of the event's stream.
    let names = (0..).map(|number| OrderingKey::named(format!("order {number}")).expect("valid"));
    let mut others = names.filter(|key| first_half(key.slice()) != first_half(stream.slice()));
    let key = others.next().expect("there are many");
    let event = failed(stream, 2);
    let parked = ParkedKey::new(NAME, key.clone(), event, FailureKind::Refused, "no", 1);
    park(&store, &parked).await;
    let claim = claim(&store, &LOG).await;
    let selection = Selection::of(&[]).partitioned_by(PartitionedBy::OrderingKey);
    let mut transaction = store.begin().await.expect("begins");
    let selected = store.select_in(&mut transaction, NAME, &LOG, claim.epoch, &selection, None);
    selected.await.expect("selects");
    store.commit(transaction).await.expect("commits");
    let recorded = store.selection(NAME, &LOG).await.expect("reads");
    assert_eq!(recorded, Some(selection));

    let made = store.repartition(NAME, 2, "a test").await;
    assert_eq!(made.expect("a key is in one slice"), 2);
    let asked = store.redrive(&parked, "repaired");
    assert!(asked.await.expect("asks"));
    for part in [Slices::part(0, 2), Slices::part(1, 2)] {
        let is_here = part.contains(key.slice());
        let part = PartitionId::Log(part);
        let keys = store.parked_keys(NAME, &part).await.expect("reads");
        assert_eq!(keys, Vec::from_iter(is_here.then(|| key.clone())));
        let requested = store.requested(NAME, &part).await.expect("reads");
        assert_eq!(requested.len(), usize::from(is_here));
    }
}

fn record(offset: u64) -> TopicRecord {
    let every_byte = Bytes::from_iter(0..=255);
    let headers = vec![
        ("ce_id".to_owned(), Some(every_byte.clone())),
        ("ce_id".to_owned(), None),
    ];
    let (key, offset) = ((offset > 5).then_some(every_byte), Offset::new(offset));
    let record = TopicRecord::whole("shop.account", 3, offset, key, Some("{}".into()), headers);
    let timestamp = SystemTime::UNIX_EPOCH + Duration::from_millis(1_234_567_890_123);
    record.timestamp((offset.get() > 5).then_some(timestamp))
}

/// What waits over a topic is kept whole and in order, for its own partition and key, until it is handled; with the checkpoint or not at all.
pub async fn records_of_a_topic_wait_for_their_key<S: Control>(store: S) {
    let topic = record(0).partition_id();
    let other = PartitionId::Topic {
        topic: "shop.account".into(),
        partition: 4,
    };
    let mut front = of_stream("a", 5).in_partition(&topic);
    front.event.offset = Some(Offset::new(5));
    let key = &front.key;
    let others = OrderingKey::named(key.to_string()).expect("valid");
    let waits = |offset, key: &OrderingKey| WaitingRecord::new(key.clone(), record(offset));
    for commits in [false, true] {
        let claim = store.claim(NAME, &topic, None).await.expect("claims");
        let claim = claim.expect("it is a partition of a topic");
        let mut transaction = store.begin().await.expect("begins");
        let epoch = claim.epoch;
        let at = claim.at;
        store
            .advance_in(&mut transaction, NAME, &topic, epoch, at, place(9))
            .await
            .expect("advances");
        let parks = store.park_in(&mut transaction, &front, MANY).await;
        assert!(parks.expect("parks"));
        let records = [waits(5, key), waits(6, &others), waits(7, key)];
        for records in [&records[..1], &[], &records[1..]] {
            let waits = store.wait_in(&mut transaction, NAME, records).await;
            waits.expect("keeps them");
        }
        if commits {
            store.commit(transaction).await.expect("commits");
        } else {
            store.rollback(transaction).await.expect("rolls back");
        }
    }
    let of = async |parked: &ParkedKey, limit| {
        let records = store.waiting_records(parked, limit).await;
        records.expect("reads")
    };
    assert_eq!(of(&front, 9).await, [record(5), record(7)]);
    assert_eq!(of(&front, 1).await, [record(5)]);
    assert_eq!(store.waiting(&front).await.expect("counts"), 2);
    assert_eq!(of(&front.clone().in_partition(&other), 9).await, []);
    let [found] = all(&store, NAME).await.try_into().expect("one");
    assert_eq!(found, timeless(front.clone()));
    let keys = async |partition| store.parked_keys(NAME, partition).await.expect("reads");
    assert_eq!(keys(&topic).await, std::slice::from_ref(key));
    assert_eq!(keys(&other).await, []);
    assert_eq!(keys(&LOG).await, []);
    let asked = store.redrive(&front, "a test");
    assert!(asked.await.expect("asks"));
    assert_eq!(store.requested(NAME, &LOG).await.expect("reads"), []);
    let requested = store.requested(NAME, &topic).await.expect("reads");
    assert_eq!(requested.len(), 1);

    // Of a topic that was created again, at an offset that waits already.
    let event = failed(account("a"), 7).at(Offset::new(7));
    let next = front.clone().continued(event);
    let mut transaction = store.begin().await.expect("begins");
    let other = record(7).timestamp(None);
    let again = [
        WaitingRecord::new(key.clone(), other.clone()),
        waits(5, key),
    ];
    let waits = store.wait_in(&mut transaction, NAME, &again).await;
    waits.expect("keeps them");
    let found = store.update_parked_in(&mut transaction, &next, 1).await;
    assert!(found.expect("writes"));
    store.commit(transaction).await.expect("commits");
    assert_eq!(of(&front, 9).await, [record(7), other]);

    let mut transaction = store.begin().await.expect("begins");
    let found = store.unpark_in(&mut transaction, &next).await;
    assert!(found.expect("writes"));
    store.commit(transaction).await.expect("commits");
    assert_eq!(of(&front, 9).await, []);
    assert_eq!(all(&store, NAME).await, []);
}

/// A rewind brings records again that wait already: each waits once, and keeps its place. Any other one at its offset waits, too.
pub async fn a_record_waits_once_for_its_key<S: Control>(store: S) {
    let topic = record(0).partition_id();
    let key = of_stream("a", 5).key;
    let named = OrderingKey::named(key.to_string()).expect("valid");
    let changed = |change: fn(&mut TopicRecord)| {
        let mut other = record(7);
        change(&mut other);
        other
    };
    let others = [
        changed(|record| record.timestamp = None),
        changed(|record| record.value = None),
        changed(|record| record.key = None),
        changed(|record| record.headers.clear()),
        changed(|record| record.value = Some("[]".into())),
    ];
    let first = [record(5), record(6), record(7)].map(|it| WaitingRecord::new(key.clone(), it));
    let again = [record(6), record(7)].map(|it| WaitingRecord::new(key.clone(), it));
    let of_named = [WaitingRecord::new(named.clone(), record(7))];
    let others_wait = others.clone().map(|it| WaitingRecord::new(key.clone(), it));
    let steps: [&[WaitingRecord]; 6] = [
        &first,
        &again,
        &of_named,
        &others_wait,
        &others_wait,
        &first,
    ];
    for records in steps {
        let claim = store.claim(NAME, &topic, None).await.expect("claims");
        let claim = claim.expect("it is a partition of a topic");
        let mut transaction = store.begin().await.expect("begins");
        store
            .advance_in(
                &mut transaction,
                NAME,
                &topic,
                claim.epoch,
                claim.at,
                place(9),
            )
            .await
            .expect("advances");
        let waits = store.wait_in(&mut transaction, NAME, records).await;
        waits.expect("keeps them");
        store.commit(transaction).await.expect("commits");
    }
    let of = async |key: &OrderingKey| {
        let event = failed(account("a"), 5);
        let parked = ParkedKey::new(NAME, key.clone(), event, FailureKind::Refused, "no", 1);
        let records = store
            .waiting_records(&parked.in_partition(&topic), 99)
            .await;
        records.expect("reads")
    };
    let expected = [record(5), record(6), record(7)].into_iter().chain(others);
    assert_eq!(of(&key).await, Vec::from_iter(expected));
    assert_eq!(of(&named).await, [record(7)]);
}

/// A key is parked in two partitions of a topic, before an event of the same id: a request is for one of them.
pub async fn a_request_is_for_one_partition<S: Control>(store: S) {
    let topic = |partition| PartitionId::Topic {
        topic: "shop.account".into(),
        partition,
    };
    let mut event = failed(account("a"), 5);
    event.offset = Some(Offset::new(5));
    let key = OrderingKey::from(account("a"));
    let parked = ParkedKey::new(NAME, key, event, FailureKind::Refused, "no", 1);
    let [first, second] = [3, 4].map(|number| parked.clone().in_partition(&topic(number)));
    for one in [&first, &second] {
        let partition = one.topic.as_ref().expect("it is of a topic");
        let claim = store.claim(NAME, partition, None).await.expect("claims");
        let claim = claim.expect("it is a partition of a topic");
        let mut transaction = store.begin().await.expect("begins");
        store
            .advance_in(
                &mut transaction,
                NAME,
                partition,
                claim.epoch,
                claim.at,
                place(9),
            )
            .await
            .expect("advances");
        let parks = store.park_in(&mut transaction, one, MANY).await;
        assert!(parks.expect("parks"));
        store.commit(transaction).await.expect("commits");
    }
    let requested = async |number| {
        let requested = store.requested(NAME, &topic(number)).await.expect("reads");
        Vec::from_iter(requested.into_iter().map(|parked| parked.requested))
    };
    assert!(store.redrive(&second, "repaired").await.expect("asks"));
    assert_eq!(requested(3).await, []);
    assert_eq!(requested(4).await, [Some(ParkedRequest::Redrive)]);
    assert!(!store.discard(&second, "no").await.expect("answers"));
    assert!(store.discard(&first, "a test").await.expect("asks"));
    assert_eq!(requested(4).await, [Some(ParkedRequest::Redrive)]);
    let reason = "a test".to_owned();
    assert_eq!(
        requested(3).await,
        [Some(ParkedRequest::Discard { reason })]
    );
    let mut of_log = first;
    of_log.topic = None;
    assert!(!store.redrive(&of_log, "no").await.expect("answers"));
}

/// Writes in a transaction of the partition's owner, which moves the checkpoint.
async fn topic_owner<S: Control>(
    store: &S,
    topic: &PartitionId,
    write: impl AsyncFnOnce(&mut S::Transaction),
) {
    let claim = store.claim(NAME, topic, None).await.expect("claims");
    let claim = claim.expect("it is a partition of a topic");
    let mut transaction = store.begin().await.expect("begins");
    let (epoch, at) = (claim.epoch, claim.at);
    store
        .advance_in(&mut transaction, NAME, topic, epoch, at, place(9))
        .await
        .expect("advances");
    write(&mut transaction).await;
    store.commit(transaction).await.expect("commits");
}

/// A record in front that has failed is a dead letter until it is noted as published: for its own subscription and partition, and told apart
/// from another one at the same offset. What waits behind it is one when it has come to the front and has failed.
pub async fn a_dead_letter_is_found_until_it_is_noted<S: Control>(store: S) {
    let topic = record(0).partition_id();
    let other = PartitionId::Topic {
        topic: "shop.account".into(),
        partition: 4,
    };
    let parked = |id: &str, offset| {
        let mut parked = of_stream(id, offset).in_partition(&topic);
        parked.event.offset = Some(Offset::new(offset));
        parked
    };
    let (a, b) = (parked("a", 5), parked("b", 6));
    // Of a topic that was created again.
    let mut again = record(5);
    again.value = None;
    let appended = record(6).append_time(true);
    topic_owner(&store, &topic, async |transaction| {
        for parked in [&a, &b] {
            let parks = store.park_in(transaction, parked, MANY).await;
            assert!(parks.expect("parks"));
        }
        let records = [(&a, record(5)), (&b, appended.clone()), (&a, again.clone())];
        let records =
            records.map(|(parked, record)| WaitingRecord::new(parked.key.clone(), record));
        let waits = store.wait_in(transaction, NAME, &records).await;
        waits.expect("keeps them");
    })
    .await;

    let letters = async || {
        let mut letters: Vec<DeadLetter> = Vec::new();
        loop {
            let after = letters.last().map(|last| last.id);
            let next = store.next_dead_letter(NAME, &topic, after).await;
            let Some(letter) = next.expect("reads") else {
                return letters;
            };
            letters.push(letter);
        }
    };
    let records = |letters: &[DeadLetter]| {
        let records = letters.iter().map(|letter| letter.record.clone());
        Vec::from_iter(records)
    };
    let published = async |letter: &DeadLetter| {
        let noted = store.dead_letter_published(letter).await;
        noted.expect("notes it");
    };
    let first = letters().await;
    assert_eq!(records(&first), [record(5), appended.clone()]);
    assert_eq!(timeless(first[0].parked.clone()), timeless(a.clone()));
    for (subscription, partition) in [(NAME, &other), (NAME, &LOG), ("others", &topic)] {
        let none = store.next_dead_letter(subscription, partition, None).await;
        assert_eq!(none.expect("reads"), None);
    }
    published(&first[0]).await;
    published(&first[0]).await;
    assert_eq!(records(&letters().await), std::slice::from_ref(&appended));

    // The next one comes to the front, and was not tried yet.
    let next = a.clone().continued(a.event.clone());
    topic_owner(&store, &topic, async |transaction| {
        let written = store.update_parked_in(transaction, &next, 1).await;
        assert!(written.expect("writes"));
    })
    .await;
    assert_eq!(records(&letters().await), std::slice::from_ref(&appended));
    let failed = next.failed_again(FailureKind::Refused, "no");
    topic_owner(&store, &topic, async |transaction| {
        let written = store.update_parked_in(transaction, &failed, 0).await;
        assert!(written.expect("writes"));
    })
    .await;
    // A late note of the one before is none for it.
    published(&first[0]).await;
    let found = letters().await;
    assert_eq!(records(&found), [appended, again]);
    for letter in &found {
        published(letter).await;
    }
    assert_eq!(letters().await, []);

    // Noted, and failed again: it is published once.
    let failed = failed.failed_again(FailureKind::Refused, "still no");
    topic_owner(&store, &topic, async |transaction| {
        let written = store.update_parked_in(transaction, &failed, 0).await;
        assert!(written.expect("writes"));
    })
    .await;
    assert_eq!(letters().await, []);
    topic_owner(&store, &topic, async |transaction| {
        for parked in [&failed, &b] {
            let taken = store.unpark_in(transaction, parked).await;
            assert!(taken.expect("writes"));
        }
    })
    .await;
    published(&found[0]).await;
    assert_eq!(letters().await, []);
}
