//! Guarantees of the [`Control`](cqrs_core::ports::Control) port: every change by hand is recorded with its reason, or not made.

use std::time::Duration;

use cqrs_core::{
    DocumentKeys, Envelope, Event, ExpectedVersion, Position, ReadModel, Runner, Store,
    StoreErrorKind, View,
    model::{
        Checkpoint, Claim, FailedEvent, FailureKind, Member, MemberId, OrderingKey, PartitionId,
        RecordedEvent, Selection, Slices,
    },
    ports::{
        Append, CommitError, Discarded, HealthLimits, ParkedKey, PartitionState, RepartitionError,
        Skip, StoreError,
    },
    role,
    run_loop::Phase,
};
use serde::{Deserialize, Serialize};

use super::fixture::{fenced, read_all};

const ALL: PartitionId = PartitionId::Log(Slices::ALL);

#[derive(Debug, Serialize, Deserialize)]
enum MealEvent {
    Ordered,
}

impl Event for MealEvent {
    const CATEGORY: &'static str = "meal";
}

/// Counts meals.
struct Meals;

impl View for Meals {
    const NAME: &'static str = "meals";
    type Events = MealEvent;
    type Document = u64;

    fn keys(&self, _: &Envelope<MealEvent>) -> DocumentKeys {
        "all".into()
    }

    fn apply(&self, _: &str, count: Option<u64>, _: &Envelope<MealEvent>) -> Option<u64> {
        Some(count.unwrap_or_default() + 1)
    }
}

async fn order<S: Store>(store: &S, stream: &str) {
    let append = Append::of(stream, ExpectedVersion::Any, &[MealEvent::Ordered]);
    store.append(append.expect("valid")).await.expect("appends");
}

async fn claim<S: Store>(store: &S) -> Claim {
    let claim = store.claim(Meals::NAME, &ALL, None).await.expect("claims");
    claim.expect("there is such a partition")
}

/// Parks the stream of an event.
async fn park<S: Store>(store: &S, event: &RecordedEvent) -> ParkedKey {
    let key = OrderingKey::from(event.stream.clone());
    let failed = FailedEvent::from(event);
    let parked = ParkedKey::new(Meals::NAME, key, failed, FailureKind::Refused, "no", 1);
    let Claim { epoch, at, .. } = claim(store).await;
    let to = Checkpoint::after(event.position, event.id);
    let mut transaction = store.begin().await.expect("begins");
    store
        .advance_in(&mut transaction, Meals::NAME, &ALL, epoch, at, to)
        .await
        .expect("advances");
    let parks = store.park_in(&mut transaction, &parked, 100).await;
    assert!(parks.expect("parks"));
    store.commit(transaction).await.expect("commits");
    parked
}

/// Every verb, once, with the same reason. Returns their outcomes, by the name of their record.
async fn all_verbs<S: Store>(
    store: &S,
    events: &[RecordedEvent],
    parked: &[ParkedKey],
    reason: &str,
) -> Vec<(&'static str, Result<(), CommitError>)> {
    let name = Meals::NAME;
    let [a, b] = parked else { panic!("two keys") };
    let Claim { epoch, at, .. } = claim(store).await;
    let last = &events[3];
    let discarded = Discarded::event(name, last.clone(), reason);
    let skip = Skip {
        partition: &ALL,
        epoch,
        from: at,
        to: Checkpoint::after(last.position, last.id),
        received: None,
        discarded: &discarded,
    };
    let selection = Selection::of(&[]);
    let accepted = store.accept_selection(name, &selection, reason);
    let one = events[0].position;
    vec![
        ("discard", store.skip(skip).await),
        ("request_redrive", asked(store.redrive(a, reason).await)),
        ("request_discard", asked(store.discard(b, reason).await)),
        (
            "repartition",
            changed(store.repartition(name, 1, reason).await),
        ),
        ("accept_selection", accepted.await),
        (
            "continue_after",
            store.continue_after(name, one, reason).await.map(drop),
        ),
        ("rewind", store.rewind(name, reason).await),
        ("pause", store.pause(name, reason).await.map_err(Into::into)),
        (
            "resume",
            store.resume(name, reason).await.map_err(Into::into),
        ),
        ("reset", store.reset_view(name, reason).await),
    ]
}

fn asked(outcome: Result<bool, StoreError>) -> Result<(), CommitError> {
    assert!(outcome?, "it was asked for");
    Ok(())
}

fn changed(outcome: Result<u16, RepartitionError>) -> Result<(), CommitError> {
    match outcome {
        Ok(_) => Ok(()),
        Err(RepartitionError::Store(error)) => Err(error.into()),
        Err(other) => panic!("{other}"),
    }
}

/// A subscription with two parked keys, and one event behind them.
async fn prepared<S: Store>(store: &S) -> (Vec<RecordedEvent>, Vec<ParkedKey>) {
    for stream in ["a", "b", "a", "c"] {
        order(store, stream).await;
    }
    let events = read_all(store, &[], Slices::ALL, 10).await;
    store.subscribe(Meals::NAME, 1).await.expect("subscribes");
    let mut parked = Vec::new();
    for event in &events[..2] {
        parked.push(park(store, event).await);
    }
    (events, parked)
}

/// Each verb leaves one record, with its name, the subscription and the reason.
pub async fn every_change_by_hand_is_recorded_with_its_reason<S: Store>(store: S) {
    let (events, parked) = prepared(&store).await;
    let done = all_verbs(&store, &events, &parked, "they asked for it").await;
    let recorded = store.operations(None, 100).await.expect("reads");
    let mut recorded = recorded.into_iter().rev();
    for (verb, outcome) in done {
        outcome.unwrap_or_else(|error| panic!("{verb}: {error}"));
        let record = recorded.next().unwrap_or_else(|| panic!("{verb}"));
        assert_eq!(record.verb, verb);
        assert_eq!(record.reason.as_deref(), Some("they asked for it"));
        assert_eq!(record.arguments["subscription"], Meals::NAME, "{record}");
    }
    assert_eq!(recorded.next(), None);
}

/// Nothing changes without a reason, and nothing is recorded.
pub async fn no_change_by_hand_is_made_without_a_reason<S: Store>(store: S) {
    let (events, parked) = prepared(&store).await;
    let places = async || {
        let progress = store.progress_by_slice(Meals::NAME).await;
        progress.expect("reads")
    };
    let before = places().await;
    for (verb, outcome) in all_verbs(&store, &events, &parked, " \n").await {
        match outcome {
            Err(CommitError::Store(error)) => {
                assert_eq!(
                    error.kind(),
                    StoreErrorKind::InvalidInput,
                    "{verb}: {error}"
                );
            }
            other => panic!("{verb}: {other:?}"),
        }
    }
    assert_eq!(places().await, before);
    let parked = store.parked(Meals::NAME).await.expect("reads");
    assert!(parked.iter().all(|parked| parked.requested.is_none()));
    assert_eq!(parked.len(), 2);
    assert_eq!(store.operations(None, 100).await.expect("reads"), []);
}

/// Nobody pauses, resumes or moves a subscription that does not exist: its name may be mistyped.
pub async fn a_change_of_an_unknown_subscription_is_an_error<S: Store>(store: S) {
    order(&store, "a").await;
    let position = Position::new(1);
    let outcomes = [
        store.pause("meels", "why").await.map_err(Into::into),
        store.resume("meels", "why").await.map_err(Into::into),
        store
            .continue_after("meels", position, "why")
            .await
            .map(drop),
        store
            .accept_selection("meels", &Selection::default(), "why")
            .await,
    ];
    for outcome in outcomes {
        let Err(CommitError::Store(error)) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(error.kind(), StoreErrorKind::InvalidInput);
        assert!(error.to_string().contains("\"meels\""), "{error}");
    }
    assert_eq!(store.operations(None, 100).await.expect("reads"), []);
}

/// A batch in hand commits before a pause returns, or never.
pub async fn a_pause_waits_for_a_batch_or_fences_it<S: Store>(store: S) {
    order(&store, "a").await;
    let event = read_all(&store, &[], Slices::ALL, 1).await.remove(0);
    store.subscribe(Meals::NAME, 1).await.expect("subscribes");
    let Claim { epoch, at, .. } = claim(&store).await;
    let to = Checkpoint::after(event.position, event.id);
    let mut transaction = store.begin().await.expect("begins");
    store
        .advance_in(&mut transaction, Meals::NAME, &ALL, epoch, at, to)
        .await
        .expect("advances");
    let mut pausing = tokio::spawn({
        let store = store.clone();
        async move { store.pause(Meals::NAME, "why").await }
    });
    // Long enough for the pause to succeed, or to wait for the row.
    let early = tokio::time::timeout(Duration::from_millis(200), &mut pausing).await;
    let committed = store.commit(transaction).await;
    let paused = match early {
        Ok(paused) => {
            fenced(&committed);
            paused
        }
        Err(_) => pausing.await,
    };
    paused.expect("no panic").expect("pauses");
    let mut transaction = store.begin().await.expect("begins");
    let at = committed.is_ok().then_some(to);
    let late = store.advance_in(&mut transaction, Meals::NAME, &ALL, epoch, at, to);
    let late = match late.await {
        Ok(()) => store.commit(transaction).await,
        Err(error) => Err(error.into()),
    };
    fenced(&late);
}

/// A paused runner handles nothing. It goes on when it is resumed.
pub async fn a_paused_runner_goes_on_when_it_is_resumed<S: Store>(store: S) {
    order(&store, "a").await;
    store.subscribe(Meals::NAME, 1).await.expect("subscribes");
    store.pause(Meals::NAME, "why").await.expect("pauses");
    let runner = Runner::over_log::<role::View>(&store, Meals).expect("a view");
    let mut progress = runner.progress();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(runner.run(async move { drop(stopped.await) }));

    let is_paused = |phase: &Phase| *phase == Phase::Paused;
    assert_eq!(progress.until(is_paused).await, Phase::Paused);
    let model = ReadModel::<Meals, _>::new(&store);
    assert_eq!(model.get("all").await.expect("reads"), None);
    let state = async || {
        let overview = store.overview().await.expect("reads");
        let meals = overview.subscription(Meals::NAME).expect("started");
        meals.partitions[0].state.clone()
    };
    assert_eq!(state().await, PartitionState::Paused);

    store.resume(Meals::NAME, "done").await.expect("resumes");
    model.wait_for(Position::new(1)).await.expect("handles it");
    assert_eq!(model.get("all").await.expect("reads"), Some(1));
    assert_eq!(state().await, PartitionState::Ready);
    drop(stop);
    running.await.expect("no panic").expect("stops");
}

/// A runner without a new event notices that it is paused, and that it is resumed.
pub async fn an_idle_runner_notices_a_pause<S: Store>(store: S) {
    order(&store, "a").await;
    let runner = Runner::over_log::<role::View>(&store, Meals).expect("a view");
    let mut progress = runner.progress();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(runner.run(async move { drop(stopped.await) }));
    let is_idle = |phase: &Phase| *phase == Phase::CaughtUp;
    let is_paused = |phase: &Phase| *phase == Phase::Paused;
    for _ in 0..2 {
        assert_eq!(progress.until(is_idle).await, Phase::CaughtUp);
        store.pause(Meals::NAME, "why").await.expect("pauses");
        assert_eq!(progress.until(is_paused).await, Phase::Paused);
        store.resume(Meals::NAME, "done").await.expect("resumes");
    }
    assert_eq!(progress.until(is_idle).await, Phase::CaughtUp);
    assert_eq!(progress.last_error(), None, "a pause is no failure");
    drop(stop);
    running.await.expect("no panic").expect("stops");
}

/// A subscription that nobody runs can be removed: it is no finding any more, and begins at the beginning if it is started again.
pub async fn a_removed_subscription_leaves_nothing<S: Store>(store: S) {
    prepared(&store).await;
    let member = Member::new(MemberId::random(), "process 17", store.lease_times());
    let limits = HealthLimits::default().without_owner(Duration::ZERO);
    let findings = async || store.health(&limits).await.expect("reads").findings;
    assert!(!findings().await.is_empty());
    store
        .heartbeat(Meals::NAME, &member, &[])
        .await
        .expect("joins");
    let refused = store.remove(Meals::NAME, "retired").await;
    let refused = refused.expect_err("a process runs it");
    assert_eq!(refused.kind(), StoreErrorKind::InvalidInput);
    assert!(refused.to_string().contains("process 17"), "{refused}");
    assert!(store.remove(Meals::NAME, " ").await.is_err(), "no reason");

    store.leave(Meals::NAME, member.id).await.expect("leaves");
    store.remove(Meals::NAME, "retired").await.expect("removes");
    assert_eq!(findings().await, []);
    assert_eq!(store.overview().await.expect("reads").subscriptions, []);
    assert_eq!(store.parked(Meals::NAME).await.expect("reads"), []);
    let record = store.operations(None, 1).await.expect("reads").remove(0);
    assert_eq!(
        (&*record.verb, record.reason.as_deref()),
        ("remove", Some("retired"))
    );
    let again = store.remove(Meals::NAME, "retired").await;
    let again = again.expect_err("is gone").to_string();
    assert!(again.contains("there is no subscription"), "{again}");

    let runner = Runner::over_log::<role::View>(&store, Meals).expect("a view");
    runner.catch_up().await.expect("runs");
    let model = ReadModel::<Meals, _>::new(&store);
    assert_eq!(
        model.get("all").await.expect("reads"),
        Some(4),
        "from the beginning"
    );
}

/// A relay that nobody runs can be removed: it is no finding any more.
pub async fn a_removed_relay_leaves_nothing<S: Store>(store: S) {
    let member = Member::new(MemberId::random(), "process 17", store.lease_times());
    let unknown = store.remove_relay("meals", "retired").await;
    let unknown = unknown.expect_err("nobody has started it").to_string();
    assert!(unknown.contains("there is no relay \"meals\""), "{unknown}");
    store.hold_relay("meals", &member).await.expect("holds it");
    let refused = store.remove_relay("meals", "retired").await;
    let refused = refused.expect_err("a process runs it").to_string();
    assert!(refused.contains("process 17"), "{refused}");
    store.leave_relay("meals", member.id).await.expect("leaves");
    assert!(store.remove_relay("meals", " ").await.is_err(), "no reason");
    let relays = async || store.overview().await.expect("reads").relays.len();
    assert_eq!(relays().await, 1);
    store
        .remove_relay("meals", "retired")
        .await
        .expect("removes");
    assert_eq!(relays().await, 0);
    let record = store.operations(None, 1).await.expect("reads").remove(0);
    assert_eq!(
        (&*record.verb, record.reason.as_deref()),
        ("remove_relay", Some("retired"))
    );
}
