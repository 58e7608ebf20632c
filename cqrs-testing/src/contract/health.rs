//! Guarantees of [`Inspect::health`](cqrs_core::ports::Inspect::health): each fault of the read side is a finding, and nothing else is.

use std::time::Duration;

use cqrs_core::{
    EventId, ExpectedVersion, Store, Version,
    model::{
        Checkpoint, FailedEvent, FailureKind, LeaseTimes, Member, MemberId, OrderingKey,
        PartitionId, RecordedEvent, Slices,
    },
    ports::{Finding, HealthLimits, ParkedKey},
};

use super::fixture::{account, append, read_all};

const NAME: &str = "balances";
const ALL: PartitionId = PartitionId::Log(Slices::ALL);
const HOUR: Duration = Duration::from_secs(3_600);

/// No limit is passed.
fn patient() -> HealthLimits {
    HealthLimits::default()
        .without_owner(HOUR)
        .standing_still(HOUR)
        .lag(HOUR)
}

async fn findings<S: Store>(store: &S, limits: HealthLimits) -> Vec<Finding> {
    store.health(&limits).await.expect("reads").findings
}

/// The only finding.
async fn finding<S: Store>(store: &S, limits: HealthLimits) -> Finding {
    let mut found = findings(store, limits).await;
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// A member that does nothing, and has every partition.
async fn owner<S: Store>(store: &S) -> Member {
    store.subscribe(NAME, 1).await.expect("subscribes");
    let times = LeaseTimes::new(HOUR, Duration::ZERO);
    let member = Member::new(MemberId::random(), "process 17", times);
    store.heartbeat(NAME, &member, &[]).await.expect("beats");
    member
}

async fn one_event<S: Store>(store: &S) -> RecordedEvent {
    let appended = append(&account("a"), ExpectedVersion::Any, 1);
    store.append(appended).await.expect("appends");
    read_all(store, &[], Slices::ALL, 10).await.remove(0)
}

/// Moves the partition to an event, and parks a key.
async fn read_to<S: Store>(store: &S, event: &RecordedEvent, parked: Option<&ParkedKey>) {
    let claim = store.claim(NAME, &ALL, None).await.expect("claims");
    let claim = claim.expect("there is such a partition");
    let to = Checkpoint::after(event.position, event.id);
    let mut transaction = store.begin().await.expect("begins");
    store
        .advance_in(&mut transaction, NAME, &ALL, claim.epoch, claim.at, to)
        .await
        .expect("advances");
    if let Some(parked) = parked {
        let parks = store.park_in(&mut transaction, parked, 100).await;
        assert!(parks.expect("parks"));
    }
    store.commit(transaction).await.expect("commits");
}

/// A partition without an owner is a finding in every process.
pub async fn a_partition_without_an_owner_is_a_finding<S: Store>(store: S) {
    store.subscribe(NAME, 1).await.expect("subscribes");
    assert_eq!(findings(&store, patient()).await, []);
    let found = finding(&store, patient().without_owner(Duration::ZERO)).await;
    assert!(matches!(found, Finding::NoOwner { .. }), "{found:?}");
    let said = found.to_string();
    let expected = "balances: no process has worked on log slices 0..1024 for 0 s";
    assert!(said.starts_with(expected), "{said}");
}

/// Owned is not worked on: the place does not move, and the log goes on.
pub async fn an_owner_that_stands_still_is_a_finding<S: Store>(store: S) {
    owner(&store).await;
    let impatient = patient().standing_still(Duration::ZERO);
    assert_eq!(findings(&store, impatient).await, [], "nothing to do");
    one_event(&store).await;
    assert_eq!(findings(&store, patient()).await, []);
    // A claim is no sign of life.
    store.claim(NAME, &ALL, None).await.expect("claims");
    let found = finding(&store, impatient).await;
    let Finding::StandsStill { lag, owner, .. } = &found else {
        panic!("{found:?}")
    };
    assert_eq!((lag.events, &**owner), (1, "process 17"));
    assert!(found.to_string().contains("process 17"), "{found}");
}

/// A partition that moves can still be far behind.
pub async fn a_partition_that_is_far_behind_is_a_finding<S: Store>(store: S) {
    owner(&store).await;
    let event = one_event(&store).await;
    let second = append(&account("a"), ExpectedVersion::Any, 1);
    store.append(second).await.expect("appends");
    read_to(&store, &event, None).await;
    assert_eq!(findings(&store, patient()).await, []);
    let found = finding(&store, patient().lag(Duration::ZERO)).await;
    assert!(matches!(found, Finding::Behind { .. }), "{found:?}");
    let said = found.to_string();
    let expected = "balances: log slices 0..1024 is 1 event behind";
    assert!(said.starts_with(expected), "{said}");
}

/// A partition that a failure has stopped, one that is paused and one without an owner are different findings.
pub async fn a_stopped_or_paused_partition_is_a_finding<S: Store>(store: S) {
    let member = owner(&store).await;
    store.pause(NAME, "a test").await.expect("pauses");
    let found = finding(&store, patient()).await;
    assert!(matches!(found, Finding::Paused { .. }), "{found:?}");
    store.resume(NAME, "a test").await.expect("resumes");
    let released = store.release(NAME, &ALL, member.id, Some("it broke")).await;
    released.expect("releases");
    let found = finding(&store, patient().without_owner(Duration::ZERO)).await;
    assert!(matches!(found, Finding::Stopped { .. }), "{found:?}");
    assert!(found.to_string().ends_with("it broke"), "{found}");
}

/// What is parked waits for a person.
pub async fn parked_keys_are_a_finding<S: Store>(store: S) {
    owner(&store).await;
    let event = one_event(&store).await;
    let failed = FailedEvent::new(
        EventId::random(),
        account("a"),
        Version::new(1),
        event.position,
        "Deposited",
    );
    let key = OrderingKey::from(account("a"));
    let kind = FailureKind::Undecodable;
    let parked = ParkedKey::new(NAME, key, failed, kind, "missing field `cents`", 1);
    read_to(&store, &event, Some(&parked)).await;
    let found = finding(&store, patient()).await;
    let said = found.to_string();
    let expected = "1 key: Deposited: missing field `cents`";
    assert!(said.ends_with(expected), "{said}");
}

/// A relay that nobody runs publishes nothing.
pub async fn a_relay_without_an_owner_is_a_finding<S: Store>(store: S) {
    let times = LeaseTimes::new(HOUR, Duration::ZERO);
    let member = Member::new(MemberId::random(), "process 17", times);
    store.hold_relay("orders", &member).await.expect("holds");
    let impatient = patient().without_owner(Duration::ZERO);
    assert_eq!(findings(&store, impatient).await, []);
    let left = store.leave_relay("orders", member.id).await;
    left.expect("leaves");
    let found = finding(&store, impatient).await;
    let said = found.to_string();
    assert!(said.starts_with("relay orders: no process"), "{said}");
}

/// Without a fault there is no finding, however strict the limits are.
pub async fn who_has_handled_everything_is_healthy<S: Store>(store: S) {
    owner(&store).await;
    let event = one_event(&store).await;
    read_to(&store, &event, None).await;
    let strict = patient()
        .without_owner(Duration::ZERO)
        .standing_still(Duration::ZERO)
        .lag(Duration::ZERO);
    let health = store.health(&strict).await.expect("reads");
    assert_eq!(health.to_string(), "healthy");
    assert!(health.is_healthy());
}
