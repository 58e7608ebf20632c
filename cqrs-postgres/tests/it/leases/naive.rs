//! Interleavings of members and partitions, each forced by held locks or rows, on the functions of the store and on a naive variant of
//! one of them. The naive variant must fail each time: otherwise the test would not show that the function keeps it right.

use std::time::Duration;

use cqrs_core::{
    EventId, Position,
    model::{Checkpoint, Claim, LeaseTimes, Member, MemberId, PartitionId, Slices},
    ports::{
        AdvanceError, Checkpoints, CommitError, Control, Partitions, Reader, Source, SourceError,
        UnitOfWork,
    },
    read::LogSource,
};
use cqrs_postgres::{PgEventStore, PgTransaction};
use sqlx::AssertSqlSafe;

use crate::support::{fresh_store, number, run, until};

const NAME: &str = "balances";

const STEADY: LeaseTimes = LeaseTimes::new(Duration::from_secs(3_600), Duration::ZERO);

/// A function of the store, and what a naive author would have left out of it.
struct Naive {
    function: &'static str,
    replace: &'static [(&'static str, &'static str)],
}

impl Naive {
    /// A store with the naive function.
    async fn store(&self) -> PgEventStore {
        let store = fresh_store().await;
        let sql = "select pg_get_functiondef(p.oid) from pg_proc as p
                   where p.pronamespace = $1::regnamespace and p.proname = $2";
        let mut function: String = sqlx::query_scalar(sql)
            .bind(store.schema())
            .bind(self.function)
            .fetch_one(store.pool())
            .await
            .expect("reads");
        let schema = format!("\"{}\"", store.schema());
        for (part, naive) in self.replace {
            let [part, naive] = [part, naive].map(|text| text.replace("__schema__", &schema));
            assert!(function.contains(&part), "{part} is not in {function}");
            function = function.replace(&part, &naive);
        }
        let changed = sqlx::raw_sql(AssertSqlSafe(function)).execute(store.pool());
        changed.await.expect("is a function");
        store
    }
}

fn member() -> Member {
    Member::new(MemberId::random(), "a test", STEADY)
}

fn part(index: u16, count: u16) -> PartitionId {
    PartitionId::Log(Slices::part(index, count))
}

fn to(position: u64) -> Checkpoint {
    Checkpoint::after(Position::new(position), EventId::random())
}

async fn own(store: &PgEventStore, member: &Member) -> Vec<PartitionId> {
    let beat = store.heartbeat(NAME, member, &[]).await;
    let leased = beat.expect("the store takes it").leased;
    Vec::from_iter(leased.into_iter().map(|leased| leased.partition))
}

async fn claim(store: &PgEventStore, partition: &PartitionId, of: &Member) -> Option<Claim> {
    let claim = store.claim(NAME, partition, Some(of.id)).await;
    claim.expect("asks")
}

async fn claimed(store: &PgEventStore, partition: &PartitionId) -> Claim {
    let claim = store.claim(NAME, partition, None).await.expect("asks");
    claim.expect("it is there")
}

async fn advance_in(
    store: &PgEventStore,
    transaction: &mut PgTransaction,
    partition: &PartitionId,
    claim: &Claim,
    to: Checkpoint,
) -> Result<(), AdvanceError> {
    store
        .advance_in(transaction, NAME, partition, claim.epoch, claim.at, to)
        .await
}

/// A batch: whether it is committed.
async fn handles(
    store: &PgEventStore,
    partition: &PartitionId,
    claim: &Claim,
    to: Checkpoint,
) -> bool {
    let mut transaction = store.begin().await.expect("begins");
    match advance_in(store, &mut transaction, partition, claim, to).await {
        Ok(()) => {
            let committed: Result<(), CommitError> = store.commit(transaction).await;
            committed.expect("commits");
            true
        }
        Err(AdvanceError::Fenced(_)) => false,
        Err(error) => panic!("{error}"),
    }
}

/// The place of the first and of the last slice.
async fn places(store: &PgEventStore) -> [u64; 2] {
    let slices = store.progress_by_slice(NAME).await.expect("reads");
    let place = |slice: u16| {
        let found = slices.iter().find(|progress| progress.slice == slice);
        let at = found.expect("a partition has it").at;
        at.map_or(0, |at| at.offset.get())
    };
    [place(0), place(1_023)]
}

/// Parts at 100 and 90 are joined. Returns where the first and the last slice are then.
async fn joined(store: &PgEventStore) -> [u64; 2] {
    store.subscribe(NAME, 2).await.expect("subscribes");
    for (index, position) in [(0, 100), (1, 90)] {
        let partition = part(index, 2);
        let claim = claimed(store, &partition).await;
        assert!(handles(store, &partition, &claim, to(position)).await);
    }
    let joined = store.repartition(NAME, 1, "a test").await;
    assert_eq!(joined.expect("joins"), 1);
    places(store).await
}

#[tokio::test]
async fn joined_parts_lose_or_double_events_unless_each_keeps_its_place() {
    assert_eq!(joined(&fresh_store().await).await, [100, 90]);
    let at_the_lowest = Naive {
        function: "repartition",
        replace: &[(
            "from_slice, to_slice, parts, selected",
            "from_slice, to_slice, null::jsonb, selected",
        )],
    };
    assert_eq!(
        joined(&at_the_lowest.store().await).await,
        [90, 90],
        "doubled"
    );
    let at_the_highest = Naive {
        function: "repartition",
        replace: &[
            (
                "from_slice, to_slice, parts, selected",
                "from_slice, to_slice, null::jsonb, selected",
            ),
            (
                "order by offsets[n + 1] nulls first limit 1",
                "order by offsets[n + 1] desc nulls last limit 1",
            ),
        ],
    };
    assert_eq!(
        joined(&at_the_highest.store().await).await,
        [100, 100],
        "lost"
    );
}

/// The owner sleeps while the number of partitions goes from 4 to 2 and back: its partition has its old name again. Returns whether
/// its batch is committed beside that of the new owner.
async fn doubles_after_two_layouts(store: &PgEventStore) -> bool {
    store.subscribe(NAME, 4).await.expect("subscribes");
    let (sleeper, partition) = (member(), part(0, 4));
    assert_eq!(own(store, &sleeper).await.len(), 4);
    let asleep = claim(store, &partition, &sleeper)
        .await
        .expect("has the lease");
    for partitions in [2, 4] {
        let made = store.repartition(NAME, partitions, "a test").await;
        made.expect("changes the number");
    }
    store.leave(NAME, sleeper.id).await.expect("is dead");
    let next = member();
    assert_eq!(own(store, &next).await.len(), 4);
    claim(store, &partition, &next)
        .await
        .expect("has the lease");
    handles(store, &partition, &asleep, to(1)).await
}

#[tokio::test]
async fn a_name_that_comes_again_is_another_claim_only_above_all_epochs() {
    assert!(!doubles_after_two_layouts(&fresh_store().await).await);
    let epochs_begin_again = Naive {
        function: "repartition",
        replace: &[("max(epoch) + 1", "0::bigint")],
    };
    assert!(doubles_after_two_layouts(&epochs_begin_again.store().await).await);
}

/// The owner looks at its lease and is stopped before its batch; another one takes over and handles the batch. Returns whether the
/// batch is handled again when the first one wakes.
async fn doubles_after_a_stop(store: &PgEventStore) -> bool {
    store.subscribe(NAME, 1).await.expect("subscribes");
    let (stopped, partition) = (member(), part(0, 1));
    own(store, &stopped).await;
    let asleep = claim(store, &partition, &stopped)
        .await
        .expect("has the lease");
    store.leave(NAME, stopped.id).await.expect("is dead");
    let next = member();
    own(store, &next).await;
    let awake = claim(store, &partition, &next)
        .await
        .expect("has the lease");
    assert!(handles(store, &partition, &awake, to(1)).await);
    handles(store, &partition, &asleep, to(1)).await
}

#[tokio::test]
async fn an_owner_that_was_stopped_doubles_unless_its_claim_is_compared() {
    assert!(!doubles_after_a_stop(&fresh_store().await).await);
    let lease_alone = Naive {
        function: "advance",
        replace: &[
            (" and epoch = of_epoch", ""),
            (
                "and \"offset\" is not distinct from from_offset and event_id is not distinct from from_event_id",
                "",
            ),
        ],
    };
    assert!(doubles_after_a_stop(&lease_alone.store().await).await);
}

/// A process claims the one partition that its own release knows, where the store has two. Returns how often the store has a slice.
async fn owners_of_a_slice(store: &PgEventStore) -> usize {
    store.subscribe(NAME, 2).await.expect("subscribes");
    drop(store.claim(NAME, &part(0, 1), None).await);
    let slices = store.progress_by_slice(NAME).await.expect("reads");
    slices.iter().filter(|progress| progress.slice == 0).count()
}

#[tokio::test]
async fn a_slice_has_two_owners_if_claims_make_partitions() {
    assert_eq!(owners_of_a_slice(&fresh_store().await).await, 1);
    let claims_make_rows = Naive {
        function: "claim_slices",
        replace: &[(
            "    return query\n",
            "    insert into checkpoints (subscription, partition, epoch, from_slice, to_slice)
                 values (of_subscription, of_partition, 0, 0, 1024) on conflict do nothing;
             return query\n",
        )],
    };
    let store = claims_make_rows.store().await;
    let path = format!(
        "alter function __schema__.claim_slices(text, text, uuid) set search_path = \"{}\", pg_temp",
        store.schema()
    );
    run(&store, &path).await;
    assert_eq!(owners_of_a_slice(&store).await, 2);
}

/// Somebody's heartbeats lie so far ahead of the server's clock: it went back. Returns what another member gets.
async fn taken_after_the_clock_went_back(store: &PgEventStore) -> usize {
    store.subscribe(NAME, 2).await.expect("subscribes");
    let dead = Member::new(
        MemberId::random(),
        "a test",
        LeaseTimes::new(Duration::from_secs(15), Duration::ZERO),
    );
    assert_eq!(own(store, &dead).await.len(), 2);
    let back = "update __schema__.members set renewed_at = renewed_at + interval '1 hour', joined_at = joined_at + interval '1 hour';
                update __schema__.leases set since = since + interval '1 hour'";
    run(store, back).await;
    own(store, &member()).await.len()
}

#[tokio::test]
async fn a_clock_that_goes_back_an_hour_keeps_nobody_alive() {
    assert_eq!(
        taken_after_the_clock_went_back(&fresh_store().await).await,
        2
    );
    let until = Naive {
        function: "is_alive",
        replace: &[("renewed_at <= now + lease and ", "")],
    };
    assert_eq!(
        taken_after_the_clock_went_back(&until.store().await).await,
        0
    );
}

/// As above, and the member is alive: it renews, and keeps what it has, whatever its times say. Returns how many it gives back to a
/// member that joined before the clock went back.
async fn given_back_after_the_clock_went_back(store: &PgEventStore) -> usize {
    store.subscribe(NAME, 2).await.expect("subscribes");
    let times = LeaseTimes::new(Duration::from_secs(15), Duration::from_secs(5));
    let [first, second] = [(), ()].map(|()| Member::new(MemberId::random(), "a test", times));
    assert_eq!(own(store, &first).await.len(), 2);
    assert_eq!(own(store, &second).await.len(), 0);
    let back = "update __schema__.members set joined_at = joined_at + interval '1 hour'";
    run(store, back).await;
    let beat = store.heartbeat(NAME, &first, &[]).await;
    let leased = beat.expect("the store takes it").leased;
    leased.iter().filter(|leased| leased.give_back).count()
}

#[tokio::test]
async fn a_clock_that_goes_back_an_hour_does_not_keep_partitions_from_moving() {
    assert_eq!(
        given_back_after_the_clock_went_back(&fresh_store().await).await,
        1
    );
    let since = Naive {
        function: "has_passed",
        replace: &[(" or now + span < since", "")],
    };
    assert_eq!(
        given_back_after_the_clock_went_back(&since.store().await).await,
        0
    );
}

/// A claim waits for the batch of an operator, who holds the checkpoint. Meanwhile the lease of the claiming member ends, and another
/// one asks for the partition. Returns whether the first one claims what is the other's.
async fn claims_without_a_lease(store: &PgEventStore) -> bool {
    store.subscribe(NAME, 1).await.expect("subscribes");
    run(
        store,
        "alter function __schema__.claim_slices(text, text, uuid) set lock_timeout = '1min'",
    )
    .await;
    let (first, second, partition) = (member(), member(), part(0, 1));
    own(store, &first).await;
    let by_hand = claimed(store, &partition).await;
    let mut batch = store.begin().await.expect("begins");
    let moved = advance_in(store, &mut batch, &partition, &by_hand, to(1)).await;
    moved.expect("has the claim");
    let waiting = tokio::spawn({
        let (store, partition, first) = (store.clone(), partition.clone(), first.clone());
        async move { claim(&store, &partition, &first).await }
    });
    let waits = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%__schema__.claim_slices%'";
    until("the claim waits", async || number(store, waits).await == 1).await;

    run(
        store,
        "update __schema__.members set renewed_at = renewed_at - interval '2 hours'",
    )
    .await;
    let taken = own(store, &second).await;
    store.commit(batch).await.expect("commits");
    let claimed = waiting.await.expect("no panic").is_some();
    if taken.is_empty() {
        assert!(claimed, "the lease stays until the claim is made");
        assert_eq!(own(store, &second).await, [partition]);
    }
    claimed && !taken.is_empty()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_waits_is_made_without_a_lease_unless_it_holds_it() {
    assert!(!claims_without_a_lease(&fresh_store().await).await);
    let at_once = Naive {
        function: "claim_slices",
        replace: &[("and member = me for share", "and member = me")],
    };
    assert!(claims_without_a_lease(&at_once.store().await).await);
}

/// The only member stops at a failure, and asks again. Returns what it gets.
async fn tried_again(store: &PgEventStore) -> usize {
    store.subscribe(NAME, 1).await.expect("subscribes");
    let (first, partition) = (member(), part(0, 1));
    own(store, &first).await;
    let stopped = store
        .release(NAME, &partition, first.id, Some("poison"))
        .await;
    stopped.expect("is released");
    own(store, &first).await.len()
}

#[tokio::test]
async fn a_failure_goes_from_process_to_process_unless_it_is_marked() {
    assert_eq!(tried_again(&fresh_store().await).await, 0);
    let free = Naive {
        function: "release_lease",
        replace: &[(
            "case when stopped is null then 'ready' else 'stopped' end",
            "'ready'",
        )],
    };
    assert_eq!(tried_again(&free.store().await).await, 1);
}

/// The only member has two partitions and has claimed the first. Returns how many it gives back to another one, which lacks one.
async fn given_back_unclaimed(store: &PgEventStore) -> usize {
    store.subscribe(NAME, 2).await.expect("subscribes");
    let (first, second) = (member(), member());
    assert_eq!(own(store, &first).await.len(), 2);
    claim(store, &part(0, 2), &first)
        .await
        .expect("has the lease");
    assert_eq!(own(store, &second).await.len(), 0);
    let beat = store.heartbeat(NAME, &first, &[]).await;
    let leased = beat.expect("the store takes it").leased;
    leased.iter().filter(|leased| leased.give_back).count()
}

#[tokio::test]
async fn a_lease_that_nobody_claimed_stays_unless_it_is_given_back_too() {
    assert_eq!(given_back_unclaimed(&fresh_store().await).await, 1);
    let behind_the_batch_in_hand = Naive {
        function: "heartbeat",
        replace: &[(
            "mine.place <= least(lacking, mine.count - least_share)",
            "mine.place <= least(lacking, mine.count - least_share) and exists (
                 select from __schema__.checkpoints as c
                 where c.subscription = of_name and c.from_slice = mine.from_slice and c.epoch > 0)",
        )],
    };
    let store = behind_the_batch_in_hand.store().await;
    assert_eq!(given_back_unclaimed(&store).await, 0);
}

/// The parts of a partition were at 100 and at the beginning, and the log was restored to a moment before position 100. Returns whether
/// reading goes on, although new events up to position 100 of the first part will be passed over.
async fn goes_on_behind_a_part_that_is_ahead(store: &PgEventStore) -> bool {
    store.subscribe(NAME, 2).await.expect("subscribes");
    let first = part(0, 2);
    let ahead = claimed(store, &first).await;
    assert!(handles(store, &first, &ahead, to(100)).await);
    let joined = store.repartition(NAME, 1, "a test").await;
    assert_eq!(joined.expect("joins"), 1);
    let mut source = LogSource::new(store, NAME, Vec::new());
    let assigned = source.assigned().await.expect("assigns");
    let mut reader = assigned.expect("the partition");
    let claim = claimed(store, &part(0, 1)).await;
    let place = claim.place_of(0).expect("is ahead");
    assert_eq!(place.offset.get(), 100);
    match reader.start(&claim).await {
        Ok(()) => true,
        Err(SourceError::LogReplaced { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_restored_log_passes_events_over_unless_parts_are_verified() {
    assert!(!goes_on_behind_a_part_that_is_ahead(&fresh_store().await).await);
    let only_the_row_has_its_event = Naive {
        function: "repartition",
        replace: &[("'event_id', event_id)", "'event_id', null::uuid)")],
    };
    let store = only_the_row_has_its_event.store().await;
    assert!(goes_on_behind_a_part_that_is_ahead(&store).await);
}
