//! Guarantees of the [`Partitions`] port: which member has which partition, and how far each slice was read.

use std::time::Duration;

use cqrs_core::{
    EventId, StoreErrorKind,
    model::{
        Ahead, Checkpoint, Claim, LeaseTimes, Member, MemberId, Offset, PartitionId, Selection,
        Slices,
    },
    ports::{CommitError, Control, Heartbeat, Partitions, RepartitionError, SliceProgress},
};

use super::fixture::fenced;

const NAME: &str = "balances";

/// Nobody dies, and partitions move at once.
const STEADY: LeaseTimes = LeaseTimes::new(Duration::from_secs(3_600), Duration::ZERO);

/// Whoever was not heard of for a moment is dead.
const SHORT: LeaseTimes = LeaseTimes::new(Duration::from_millis(20), Duration::ZERO);

fn member(times: LeaseTimes) -> Member {
    Member::new(MemberId::random(), "a test", times)
}

fn part(index: u16, count: u16) -> PartitionId {
    PartitionId::Log(Slices::part(index, count))
}

fn to(offset: u64) -> Checkpoint {
    Checkpoint::new(Offset::new(offset), Some(EventId::random()))
}

async fn beat<S: Partitions>(store: &S, member: &Member) -> Heartbeat {
    let beat = store.heartbeat(NAME, member, &[]).await;
    beat.expect("the store takes it")
}

/// The partitions of a member.
async fn own<S: Partitions>(store: &S, member: &Member) -> Vec<PartitionId> {
    let leased = beat(store, member).await.leased;
    let mut own = Vec::from_iter(leased.into_iter().map(|leased| leased.partition));
    own.sort();
    own
}

async fn claim<S: Partitions>(store: &S, partition: &PartitionId) -> Claim {
    let claim = store.claim(NAME, partition, None).await.expect("claims");
    claim.expect("there is such a partition")
}

async fn advance<S: Partitions>(
    store: &S,
    partition: &PartitionId,
    claim: &Claim,
    to: Checkpoint,
) -> Result<(), CommitError> {
    let mut transaction = store.begin().await?;
    store
        .advance_in(&mut transaction, NAME, partition, claim.epoch, claim.at, to)
        .await?;
    store.commit(transaction).await
}

async fn read_to<S: Partitions>(store: &S, partition: &PartitionId, at: Checkpoint) {
    let claim = claim(store, partition).await;
    let moved = advance(store, partition, &claim, at).await;
    moved.expect("advances");
}

async fn progress<S: Partitions>(store: &S) -> Vec<SliceProgress> {
    let progress = store.progress_by_slice(NAME).await.expect("reads");
    let slices = progress.iter().map(|place| place.slice);
    assert!(
        slices.eq(0..Slices::COUNT),
        "every slice once: {progress:?}"
    );
    progress
}

async fn repartition<S: Control>(store: &S, partitions: u16) -> u16 {
    let made = store.repartition(NAME, partitions, "a test").await;
    made.expect("changes the number")
}

/// Only the first start decides the number of partitions, and they have every slice once.
pub async fn the_first_start_decides_the_number_of_partitions<S: Partitions>(store: S) {
    store.subscribe(NAME, 4).await.expect("subscribes");
    store.subscribe(NAME, 9).await.expect("is known");
    let partitions = store.partitions(NAME).await.expect("reads");
    let found = Vec::from_iter(partitions.into_iter().map(|status| status.partition));
    assert_eq!(found, Vec::from_iter((0..4).map(|index| part(index, 4))));
    assert!(
        progress(&store)
            .await
            .iter()
            .all(|place| place.at.is_none())
    );
    store.subscribe("many", 1_000).await.expect("subscribes");
    let many = store.partitions("many").await.expect("reads");
    assert_eq!(many.len(), 512, "what divides the slices");
    assert_eq!(store.partitions("unknown").await.expect("reads"), []);
    let nothing = store.progress_by_slice("unknown").await;
    assert_eq!(nothing.expect("reads"), []);
}

/// Claims make no partitions of the log: the layout alone does.
pub async fn a_claim_makes_no_partition_of_the_log<S: Partitions>(store: S) {
    let claimed = async |partition| store.claim(NAME, &partition, None).await.expect("asks");
    assert_eq!(claimed(part(0, 1)).await, None);
    store.subscribe(NAME, 2).await.expect("subscribes");
    assert_eq!(claimed(part(0, 1)).await, None);
    assert!(claimed(part(0, 2)).await.is_some());
    assert_eq!(progress(&store).await.len(), 1_024);
}

/// The first member has everything, until another one lacks its share. What was never claimed is given back too.
pub async fn members_share_the_partitions<S: Partitions>(store: S) {
    store.subscribe(NAME, 4).await.expect("subscribes");
    let first = member(STEADY);
    let second = member(STEADY);
    assert_eq!(own(&store, &first).await.len(), 4);
    assert_eq!(own(&store, &second).await, []);
    let told = beat(&store, &first).await;
    assert_eq!(told.members, 2);
    let back = told.leased.into_iter().filter(|leased| leased.give_back);
    let back = Vec::from_iter(back.map(|leased| leased.partition));
    assert_eq!(back.len(), 2);
    for partition in &back {
        let released = store.release(NAME, partition, first.id, None).await;
        released.expect("is released");
    }
    let mut taken = own(&store, &second).await;
    taken.extend(own(&store, &first).await);
    taken.sort();
    assert_eq!(taken, Vec::from_iter((0..4).map(|index| part(index, 4))));
    let status = store.partitions(NAME).await.expect("reads");
    assert!(
        status
            .iter()
            .all(|of| of.owner.as_deref() == Some("a test"))
    );
    let told = beat(&store, &first).await;
    assert!(told.leased.iter().all(|leased| !leased.give_back));
}

/// Who gives back what another member lacks does not take it again before that one does, also where the share of everybody is larger.
pub async fn what_is_given_back_is_left_to_who_lacks_it<S: Partitions>(store: S) {
    store.subscribe(NAME, 3).await.expect("subscribes");
    let (first, second) = (member(STEADY), member(STEADY));
    assert_eq!(own(&store, &first).await.len(), 3);
    assert_eq!(own(&store, &second).await, []);
    let told = beat(&store, &first).await;
    let back = told.leased.into_iter().filter(|leased| leased.give_back);
    let back = Vec::from_iter(back.map(|leased| leased.partition));
    assert_eq!(back.len(), 1);
    let released = store.release(NAME, &back[0], first.id, None).await;
    released.expect("is released");
    for _ in 0..2 {
        let told = beat(&store, &first).await.leased;
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told.iter().all(|leased| !leased.give_back), "{told:?}");
    }
    assert_eq!(own(&store, &second).await, back);
}

/// While members join, nothing moves.
pub async fn partitions_move_once_nobody_has_joined_for_a_while<S: Partitions>(store: S) {
    store.subscribe(NAME, 2).await.expect("subscribes");
    let first = member(LeaseTimes::new(
        Duration::from_secs(3_600),
        Duration::from_secs(600),
    ));
    assert_eq!(own(&store, &first).await.len(), 2);
    assert_eq!(own(&store, &member(STEADY)).await, []);
    let told = beat(&store, &first).await;
    assert!(told.leased.iter().all(|leased| !leased.give_back));
}

/// Nobody waits for a dead member longer than its lease.
pub async fn a_member_that_is_not_heard_of_loses_its_partitions<S: Partitions>(store: S) {
    store.subscribe(NAME, 2).await.expect("subscribes");
    let dead = member(SHORT);
    let other = member(STEADY);
    assert_eq!(own(&store, &dead).await.len(), 2);
    let before = claim(&store, &part(0, 2)).await;
    let taken = async {
        while own(&store, &other).await.len() < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let taken = tokio::time::timeout(Duration::from_secs(60), taken).await;
    taken.expect("the other one takes over");
    let lease = store.claim(NAME, &part(0, 2), Some(dead.id)).await;
    assert_eq!(lease.expect("asks"), None, "it wakes, and fences nobody");
    let after = store.claim(NAME, &part(0, 2), Some(other.id)).await;
    let after = after.expect("claims").expect("has the lease");
    assert_eq!(after.epoch, before.epoch + 1);
    fenced(&advance(&store, &part(0, 2), &before, to(1)).await);
    let moved = advance(&store, &part(0, 2), &after, to(1)).await;
    moved.expect("advances");
    assert_eq!(own(&store, &dead).await, [], "it has to join again");
}

/// A clean end does not wait for the lease.
pub async fn a_member_that_leaves_frees_its_partitions_at_once<S: Partitions>(store: S) {
    store.subscribe(NAME, 2).await.expect("subscribes");
    let first = member(STEADY);
    let second = member(STEADY);
    own(&store, &first).await;
    assert_eq!(own(&store, &second).await, []);
    store.leave(NAME, first.id).await.expect("leaves");
    assert_eq!(own(&store, &second).await.len(), 2);
    store
        .leave("unknown", first.id)
        .await
        .expect("does nothing");
}

/// Otherwise a failure would go from process to process, until none is left.
pub async fn a_stopped_partition_is_tried_by_a_later_member_only<S: Partitions>(store: S) {
    store.subscribe(NAME, 1).await.expect("subscribes");
    let only = part(0, 1);
    let first = member(STEADY);
    let second = member(STEADY);
    own(&store, &first).await;
    own(&store, &second).await;
    let released = store.release(NAME, &only, first.id, Some("poison")).await;
    released.expect("is released");
    store.leave(NAME, first.id).await.expect("leaves");
    assert_eq!(own(&store, &second).await, []);
    let status = store.partitions(NAME).await.expect("reads").remove(0);
    assert_eq!(status.stopped.as_deref(), Some("poison"));
    assert_eq!(status.owner, None);
    let third = member(STEADY);
    assert_eq!(own(&store, &third).await, [only]);
    let status = store.partitions(NAME).await.expect("reads").remove(0);
    assert_eq!(status.stopped, None);
}

/// A member takes none that it avoids. Another one takes it beyond its share, when it was free for long.
pub async fn an_avoided_partition_is_left_to_others<S: Partitions>(store: S) {
    store.subscribe(NAME, 2).await.expect("subscribes");
    let first = member(STEADY);
    let avoid = [part(0, 2)];
    let told = store.heartbeat(NAME, &first, &avoid).await.expect("asks");
    let own_of_first = Vec::from_iter(told.leased.into_iter().map(|leased| leased.partition));
    assert_eq!(own_of_first, [part(1, 2)]);
    let second = member(STEADY);
    assert_eq!(own(&store, &second).await, [part(0, 2)]);
    let released = store.release(NAME, &part(0, 2), second.id, None).await;
    released.expect("is released");
    store.leave(NAME, second.id).await.expect("leaves");

    let third = member(SHORT);
    let beyond = async {
        loop {
            let told = store.heartbeat(NAME, &first, &avoid).await.expect("asks");
            assert_eq!(told.leased.len(), 1);
            if own(&store, &third).await == [part(0, 2)] {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let taken = tokio::time::timeout(Duration::from_secs(60), beyond).await;
    taken.expect("another one takes it");
}

/// Each part goes on where it was: the lowest place is the partition's, and the others are ahead of it.
pub async fn joined_parts_go_on_where_each_was<S: Control>(store: S) {
    store.subscribe(NAME, 4).await.expect("subscribes");
    let (hundred, ninety) = (to(100), to(90));
    for (index, at) in [(0, hundred), (1, ninety), (2, hundred), (3, ninety)] {
        read_to(&store, &part(index, 4), at).await;
    }
    let before = progress(&store).await;
    assert_eq!(repartition(&store, 1).await, 1);
    assert_eq!(progress(&store).await, before);
    let only = part(0, 1);
    let mut claimed = claim(&store, &only).await;
    let ahead = [0, 2].map(|index| Ahead::new(Slices::part(index, 4), hundred));
    assert_eq!(claimed.at, Some(ninety));
    assert_eq!(claimed.ahead, ahead);
    let lowest = store.checkpoint(NAME, &only).await.expect("reads");
    assert_eq!(lowest, Some(ninety));
    let third = store.checkpoint(NAME, &part(2, 4)).await.expect("reads");
    assert_eq!(third, Some(hundred), "of any range of slices");

    for at in [to(95), hundred, to(101)] {
        let moved = advance(&store, &only, &claimed, at).await;
        moved.expect("advances");
        claimed.advance(at);
        let stored = claim(&store, &only).await;
        assert_eq!((stored.at, &stored.ahead), (claimed.at, &claimed.ahead));
        claimed.epoch = stored.epoch;
    }
    assert_eq!(claimed.ahead, []);
}

/// A partition may get the name of an earlier layout, whose owner may still live.
pub async fn a_partition_that_comes_again_fences_its_old_owner<S: Control>(store: S) {
    store.subscribe(NAME, 4).await.expect("subscribes");
    let old = claim(&store, &part(3, 4)).await;
    repartition(&store, 2).await;
    fenced(&advance(&store, &part(3, 4), &old, to(1)).await);
    repartition(&store, 4).await;
    let new = claim(&store, &part(3, 4)).await;
    assert!(new.epoch > old.epoch, "{new:?} is later than {old:?}");
    fenced(&advance(&store, &part(3, 4), &old, to(1)).await);
    let moved = advance(&store, &part(3, 4), &new, to(1)).await;
    moved.expect("advances");
}

/// Whatever the numbers are.
pub async fn no_repartition_moves_a_slice<S: Control>(store: S) {
    store.subscribe(NAME, 4).await.expect("subscribes");
    for (index, offset) in [(0, 100), (1, 90), (2, 70)] {
        read_to(&store, &part(index, 4), to(offset)).await;
    }
    let mut highest = 0;
    for number in [1, 3, 16, 2, 7, 64, 5, 1_000, 1_024, 4, 1] {
        let before = progress(&store).await;
        let made = repartition(&store, number).await;
        assert_eq!(progress(&store).await, before, "{number} partitions");
        let partitions = store.partitions(NAME).await.expect("reads");
        assert_eq!(partitions.len(), usize::from(made));
        let first = claim(&store, &partitions[0].partition).await;
        assert!(first.epoch > highest, "{number} partitions");
        highest = first.epoch;
        // Another place in each layout.
        let offset = first.at.map_or(0, |at| at.offset.get());
        read_to(&store, &partitions[0].partition, to(offset + 1)).await;
    }
}

/// A batch in hand commits before the number changes, or not at all.
pub async fn a_repartition_waits_for_a_batch_or_fences_it<S: Control>(store: S) {
    store.subscribe(NAME, 2).await.expect("subscribes");
    let claimed = claim(&store, &part(0, 2)).await;
    let mut transaction = store.begin().await.expect("begins");
    let moved = to(5);
    store
        .advance_in(
            &mut transaction,
            NAME,
            &part(0, 2),
            claimed.epoch,
            None,
            moved,
        )
        .await
        .expect("advances");
    let mut changing = tokio::spawn({
        let store = store.clone();
        async move { store.repartition(NAME, 1, "a test").await }
    });
    // Long enough for the change to succeed, or to wait for the row.
    let early = tokio::time::timeout(Duration::from_millis(200), &mut changing).await;
    let committed = store.commit(transaction).await;
    let changed = match early {
        Ok(changed) => changed,
        Err(_) => changing.await,
    };
    assert_eq!(changed.expect("no panic").expect("changes"), 1);
    let place = progress(&store).await[0].at;
    assert_eq!(place, committed.is_ok().then_some(moved), "{committed:?}");
}

/// A reset after a join begins at the beginning with every slice.
pub async fn a_reset_forgets_what_was_ahead<S: Control>(store: S) {
    store.subscribe(NAME, 2).await.expect("subscribes");
    read_to(&store, &part(0, 2), to(100)).await;
    repartition(&store, 1).await;
    let before = claim(&store, &part(0, 1)).await;
    assert_eq!(before.ahead.len(), 1);
    let mut transaction = store.begin().await.expect("begins");
    let reset = store.reset_in(&mut transaction, NAME, "again").await;
    reset.expect("resets");
    store.commit(transaction).await.expect("commits");
    assert!(
        progress(&store)
            .await
            .iter()
            .all(|place| place.at.is_none())
    );
    let after = claim(&store, &part(0, 1)).await;
    assert_eq!((after.at, after.ahead), (None, vec![]));
    assert!(after.epoch > before.epoch + 1, "its runner is fenced");
}

/// What the partitions read is kept. Where they read different events, nobody knows what one of them has passed over.
pub async fn a_repartition_keeps_what_is_read<S: Control>(store: S) {
    store.subscribe(NAME, 2).await.expect("subscribes");
    let select = async |partition: &PartitionId, category: &'static str| {
        let claimed = claim(&store, partition).await;
        let filter = cqrs_core::model::EventFilter::new(category, &[]);
        let selection = Selection::of(&[filter]);
        let mut transaction = store.begin().await.expect("begins");
        let selected = store.select_in(
            &mut transaction,
            NAME,
            partition,
            claimed.epoch,
            &selection,
            None,
        );
        selected.await.expect("selects");
        store.commit(transaction).await.expect("commits");
        selection
    };
    let account = select(&part(0, 2), "account").await;
    repartition(&store, 4).await;
    let selection = async |partition| store.selection(NAME, &partition).await.expect("reads");
    assert_eq!(selection(part(3, 4)).await, Some(account));
    select(&part(1, 4), "order").await;
    let refused = store.repartition(NAME, 1, "a test").await;
    assert!(
        matches!(refused, Err(RepartitionError::Selections(_))),
        "{refused:?}"
    );
    assert_eq!(store.partitions(NAME).await.expect("reads").len(), 4);
}

/// Never silence.
pub async fn an_unknown_subscription_is_an_error<S: Control>(store: S) {
    let refused = store.repartition(NAME, 2, "a test").await;
    assert!(
        matches!(refused, Err(RepartitionError::Unknown(_))),
        "{refused:?}"
    );
    let refused = store.heartbeat(NAME, &member(STEADY), &[]).await;
    let error = refused.expect_err("it is not known");
    assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{error}");
    store.subscribe(NAME, 2).await.expect("subscribes");
    for number in [0, 1_025] {
        let refused = store.repartition(NAME, number, "a test").await;
        assert!(
            matches!(refused, Err(RepartitionError::Number(of)) if of == number),
            "{refused:?}"
        );
    }
}
