//! Guarantees of the [`Checkpoints`] and [`Inbox`] ports.

use std::time::Duration;

use cqrs_core::{
    EventId, Position,
    model::{Checkpoint, Claim, Lane, Offset, PartitionId, Slices},
    ports::{AdvanceError, Checkpoints, CommitError, Inbox, Partitions},
};

use super::fixture::{claimed, fenced};

const NAME: &str = "balances";

fn partition() -> PartitionId {
    PartitionId::Log(Slices::ALL)
}

fn topic() -> PartitionId {
    PartitionId::Topic {
        topic: "shop.order".into(),
        partition: 3,
    }
}

fn to(offset: u64) -> Checkpoint {
    Checkpoint::new(Offset::new(offset), Some(EventId::random()))
}

async fn advance<S: Checkpoints>(
    store: &S,
    epoch: u64,
    from: Option<Checkpoint>,
    to: Checkpoint,
) -> Result<(), CommitError> {
    let mut transaction = store.begin().await?;
    store
        .advance_in(&mut transaction, NAME, &partition(), epoch, from, to)
        .await?;
    store.commit(transaction).await
}

/// A claim returns no checkpoint before the first batch, then the end of the last batch, for each partition separately.
pub async fn a_claim_continues_at_the_last_checkpoint<S: Partitions>(store: S) {
    let first = claimed(&store, NAME, &partition()).await;
    assert_eq!(first.at, None);
    assert_eq!(
        store.checkpoint(NAME, &partition()).await.expect("reads"),
        None
    );
    let (seven, nine) = (to(7), Checkpoint::new(Offset::new(9), None));
    advance(&store, first.epoch, None, seven)
        .await
        .expect("advances");
    assert_eq!(
        store.checkpoint(NAME, &partition()).await.expect("reads"),
        Some(seven)
    );
    advance(&store, first.epoch, Some(seven), nine)
        .await
        .expect("advances");
    assert_eq!(claimed(&store, NAME, &partition()).await.at, Some(nine));
    assert_eq!(claimed(&store, NAME, &topic()).await.at, None);
    assert_eq!(claimed(&store, "other", &partition()).await.at, None);
}

/// Earlier holders cannot write any more; the last one can.
pub async fn a_claim_fences_every_earlier_one<S: Partitions>(store: S) {
    let first = claimed(&store, NAME, &partition()).await;
    let second = claimed(&store, NAME, &partition()).await;
    assert!(second.epoch > first.epoch);
    fenced(&advance(&store, first.epoch, None, to(1)).await);
    let two = to(2);
    advance(&store, second.epoch, None, two)
        .await
        .expect("advances");
    fenced(&advance(&store, first.epoch, Some(two), to(3)).await);
    fenced(&advance(&store, second.epoch + 1, Some(two), to(4)).await);
}

/// A holder whose `from` is not the stored checkpoint cannot move it. So it detects that the store lost commits.
pub async fn a_checkpoint_moves_only_from_where_it_is<S: Partitions>(store: S) {
    let Claim { epoch, .. } = claimed(&store, NAME, &partition()).await;
    let five = to(5);
    fenced(&advance(&store, epoch, Some(five), to(6)).await);
    advance(&store, epoch, None, five).await.expect("advances");
    let same_offset = to(5);
    let without_event = Checkpoint::new(five.offset, None);
    for elsewhere in [
        None,
        Some(to(4)),
        Some(to(6)),
        Some(same_offset),
        Some(without_event),
    ] {
        fenced(&advance(&store, epoch, elsewhere, to(7)).await);
    }
    let found = store.checkpoint(NAME, &partition()).await.expect("reads");
    assert_eq!(found, Some(five));
    let back = to(3);
    advance(&store, epoch, Some(five), back)
        .await
        .expect("moves back too");
}

/// A claim during a batch either makes the batch's commit fail or returns the batch's checkpoint.
pub async fn a_claim_during_a_batch_fences_it_or_waits<S: Partitions>(store: S) {
    let first = claimed(&store, NAME, &partition()).await;
    let mut transaction = store.begin().await.expect("begins");
    let moved = to(5);
    store
        .advance_in(
            &mut transaction,
            NAME,
            &partition(),
            first.epoch,
            None,
            moved,
        )
        .await
        .expect("advances");
    let mut claiming = tokio::spawn({
        let store = store.clone();
        async move { claimed(&store, NAME, &partition()).await }
    });
    // Long enough for the claim to succeed, or to wait for the row.
    let early = tokio::time::timeout(Duration::from_millis(200), &mut claiming).await;
    let committed = store.commit(transaction).await;
    let second = match early {
        Ok(second) => second,
        Err(_) => claiming.await,
    };
    let second = second.expect("no panic");
    assert_eq!(
        second.at,
        committed.is_ok().then_some(moved),
        "{committed:?}"
    );
}

/// A rolled back batch changes neither checkpoint nor inbox.
pub async fn a_rolled_back_batch_moves_nothing<S: Partitions + Inbox>(store: S) {
    let claim = claimed(&store, NAME, &partition()).await;
    let mut transaction = store.begin().await.expect("begins");
    store
        .advance_in(
            &mut transaction,
            NAME,
            &partition(),
            claim.epoch,
            None,
            to(5),
        )
        .await
        .expect("advances");
    let received = [(Lane::new("relay"), Position::new(5))];
    store
        .receive_in(&mut transaction, NAME, &partition(), &received)
        .await
        .expect("receives");
    store.rollback(transaction).await.expect("rolls back");
    assert_eq!(
        store.checkpoint(NAME, &partition()).await.expect("reads"),
        None
    );
    assert_eq!(store.received(NAME, &partition()).await.expect("reads"), []);
}

/// Each partition and lane has its own position.
pub async fn the_inbox_keeps_the_highest_position_of_each_lane<S: Inbox>(store: S) {
    let lane = |name: &str, position| (Lane::new(name), Position::new(position));
    for (partition, received) in [
        (topic(), vec![lane("order.0", 4), lane("order.1", 2)]),
        (topic(), vec![lane("order.0", 9)]),
        (partition(), vec![lane("order.0", 1)]),
    ] {
        let mut transaction = store.begin().await.expect("begins");
        store
            .receive_in(&mut transaction, NAME, &partition, &received)
            .await
            .expect("receives");
        store.commit(transaction).await.expect("commits");
    }
    let mut received = store.received(NAME, &topic()).await.expect("reads");
    received.sort();
    assert_eq!(received, [lane("order.0", 9), lane("order.1", 2)]);
    assert_eq!(store.received("other", &topic()).await.expect("reads"), []);
}

/// A rewind moves the partitions of topics back to the beginning, and fences their runners. Repeats are still known.
pub async fn a_rewind_starts_over_and_keeps_the_inbox<S: Partitions + Inbox>(store: S) {
    let received = [(Lane::new("log/order"), Position::new(4))];
    for partition in [topic(), partition()] {
        let claim = claimed(&store, NAME, &partition).await;
        let mut transaction = store.begin().await.expect("begins");
        let advanced = store
            .advance_in(&mut transaction, NAME, &partition, claim.epoch, None, to(5))
            .await;
        advanced.expect("advances");
        let kept = store.receive_in(&mut transaction, NAME, &partition, &received);
        kept.await.expect("receives");
        store.commit(transaction).await.expect("commits");
    }
    let before = claimed(&store, NAME, &topic()).await;
    let mut transaction = store.begin().await.expect("begins");
    let rewound = store.rewind_in(&mut transaction, NAME, "published again");
    rewound.await.expect("rewinds");
    store.commit(transaction).await.expect("commits");
    let after = claimed(&store, NAME, &topic()).await;
    assert!(
        after.at.is_none() && after.epoch > before.epoch + 1,
        "{after:?}"
    );
    let log = claimed(&store, NAME, &partition()).await;
    assert!(log.at.is_some(), "a log is not rewound");
    let found = store.received(NAME, &topic()).await.expect("reads");
    assert_eq!(found, received);
}

/// A log that is published to a topic of another name is still the same log.
pub async fn the_inbox_is_the_same_for_a_topic_of_another_name<S: Inbox>(store: S) {
    let of = |topic: &str, partition| PartitionId::Topic {
        topic: topic.into(),
        partition,
    };
    let received = [(Lane::new("log/order"), Position::new(4))];
    let mut transaction = store.begin().await.expect("begins");
    store
        .receive_in(&mut transaction, NAME, &of("shop.order", 1), &received)
        .await
        .expect("receives");
    store.commit(transaction).await.expect("commits");
    for (partition, expected) in [
        (of("shop2.order", 1), &received[..]),
        (of("shop.order", 2), &[]),
    ] {
        let found = store.received(NAME, &partition).await.expect("reads");
        assert_eq!(found, expected, "{partition}");
    }
}

/// A reset moves a subscription back to the beginning and fences its active runners.
pub async fn a_reset_starts_over_and_fences_runners<S: Partitions + Inbox>(store: S) {
    let claim = claimed(&store, NAME, &partition()).await;
    let other = claimed(&store, "other", &partition()).await;
    let mut transaction = store.begin().await.expect("begins");
    store
        .advance_in(
            &mut transaction,
            NAME,
            &partition(),
            claim.epoch,
            None,
            to(5),
        )
        .await
        .expect("advances");
    let received = [(Lane::new("relay"), Position::new(5))];
    store
        .receive_in(&mut transaction, NAME, &partition(), &received)
        .await
        .expect("receives");
    store.commit(transaction).await.expect("commits");

    let mut transaction = store.begin().await.expect("begins");
    store
        .reset_in(&mut transaction, NAME, "again")
        .await
        .expect("resets");
    store.commit(transaction).await.expect("commits");
    fenced(&advance(&store, claim.epoch, None, to(6)).await);
    assert_eq!(store.received(NAME, &partition()).await.expect("reads"), []);
    assert_eq!(claimed(&store, NAME, &partition()).await.at, None);
    let mut transaction = store.begin().await.expect("begins");
    let untouched = store
        .advance_in(
            &mut transaction,
            "other",
            &partition(),
            other.epoch,
            None,
            to(1),
        )
        .await;
    untouched.expect("another subscription goes on");
}

/// A reset fences the runner from its place in the transaction on: a checkpoint does not move under a claim that was reset.
pub async fn a_claim_that_was_reset_in_the_transaction_is_fenced<S: Partitions>(store: S) {
    let claim = claimed(&store, NAME, &partition()).await;
    let mut transaction = store.begin().await.expect("begins");
    store
        .reset_in(&mut transaction, NAME, "again")
        .await
        .expect("resets");
    let moved = match advance_in(&store, &mut transaction, claim.epoch, None, to(5)).await {
        Ok(()) => store.commit(transaction).await,
        Err(error) => Err(error.into()),
    };
    fenced(&moved);
}

/// A transaction moves a checkpoint from where it has moved it to before, and a reset after that moves it back.
pub async fn a_checkpoint_moves_step_by_step_in_a_transaction<S: Partitions + Inbox>(store: S) {
    let claim = claimed(&store, NAME, &partition()).await;
    let (five, seven) = (to(5), to(7));
    let mut transaction = store.begin().await.expect("begins");
    for (from, to) in [(None, five), (Some(five), seven)] {
        let moved = advance_in(&store, &mut transaction, claim.epoch, from, to).await;
        moved.expect("advances");
    }
    store.commit(transaction).await.expect("commits");
    let at = store.checkpoint(NAME, &partition()).await.expect("reads");
    assert_eq!(at, Some(seven));

    let received = [(Lane::new("relay"), Position::new(5))];
    let mut transaction = store.begin().await.expect("begins");
    let moved = advance_in(&store, &mut transaction, claim.epoch, at, to(9)).await;
    moved.expect("advances");
    store
        .reset_in(&mut transaction, NAME, "again")
        .await
        .expect("resets");
    store
        .receive_in(&mut transaction, NAME, &partition(), &received)
        .await
        .expect("receives");
    store.commit(transaction).await.expect("commits");
    let at = store.checkpoint(NAME, &partition()).await.expect("reads");
    assert_eq!(at, None);
    let kept = store.received(NAME, &partition()).await.expect("reads");
    assert_eq!(kept, received, "received after the reset");
    fenced(&advance(&store, claim.epoch, None, to(6)).await);
}

async fn advance_in<S: Checkpoints>(
    store: &S,
    transaction: &mut S::Transaction,
    epoch: u64,
    from: Option<Checkpoint>,
    to: Checkpoint,
) -> Result<(), AdvanceError> {
    store
        .advance_in(transaction, NAME, &partition(), epoch, from, to)
        .await
}
