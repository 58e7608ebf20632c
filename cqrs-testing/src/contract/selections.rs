//! Guarantee of every store: a subscription that reads more than before does not silently leave out what it has passed over.

use cqrs_core::{
    CommandStore, DocumentKeys, Envelope, Event, ExpectedVersion, Reactor, ReadModel, Runner,
    Store, To, View,
    model::{EventFilter, PartitionId, RoleKind, Selection, Slices},
    ports::{AdvanceError, Append, Partitions},
    read::{RunnerError, RunnerErrorKind},
    role,
};
use serde::{Deserialize, Serialize};

use super::{fixture::claimed, purse::Purse};

const LOG: PartitionId = PartitionId::Log(Slices::ALL);

/// All events of a door.
#[derive(Debug, Serialize, Deserialize)]
enum DoorEvent {
    Opened,
    Closed,
    Locked,
}

impl Event for DoorEvent {
    const CATEGORY: &'static str = "door";
}

/// An event type that reads some events of a door.
macro_rules! partial {
    ($name:ident: $($variant:ident),+) => {
        #[derive(Debug, Serialize, Deserialize)]
        enum $name { $($variant),+ }

        impl Event for $name {
            const CATEGORY: &'static str = "door";
            const PARTIAL: bool = true;
        }
    };
}

partial!(OpenedOnly: Opened);
partial!(OpenedAndClosed: Opened, Closed);
partial!(OpenedAndBroken: Opened, Broken);

/// Counts the events that it reads.
struct Count<E>(std::marker::PhantomData<E>);

impl<E: Event> View for Count<E> {
    const NAME: &'static str = "doors";
    type Events = E;
    type Document = u64;

    fn keys(&self, _: &Envelope<E>) -> DocumentKeys {
        "all".into()
    }

    fn apply(&self, _: &str, count: Option<u64>, _: &Envelope<E>) -> Option<u64> {
        Some(count.unwrap_or_default() + 1)
    }
}

fn count<E>() -> Count<E> {
    Count(std::marker::PhantomData)
}

async fn append<S: Store>(store: &S, events: &[DoorEvent]) {
    let append = Append::of("front", ExpectedVersion::Any, events).expect("valid");
    store.append(append).await.expect("appends");
}

/// Runs the view after one more event, which it reads. Returns the number of events that it has counted.
async fn catch_up<E: Event, S: Store>(store: &S) -> Result<u64, RunnerError> {
    append(store, &[DoorEvent::Opened]).await;
    let runner = Runner::over_log::<role::View>(store, count::<E>())?;
    runner.catch_up().await?;
    let model = ReadModel::<Count<E>, _>::new(store);
    Ok(model.get("all").await.expect("reads").unwrap_or_default())
}

/// A selection is recorded in a transaction, under the epoch of a claim.
pub async fn a_selection_is_recorded_under_a_claim<S: Partitions>(store: S) {
    let of = |category| {
        let selection = Selection::of(&[EventFilter::new(category, &["Opened"])]);
        selection.by(Some(RoleKind::Reactor))
    };
    let select = async |epoch, selection: &Selection, commits: bool| {
        let mut transaction = store.begin().await.expect("begins");
        let selected = store.select_in(
            &mut transaction,
            "doors",
            &LOG,
            epoch,
            selection,
            Some("why"),
        );
        selected.await?;
        if commits {
            store.commit(transaction).await.expect("commits");
        } else {
            store.rollback(transaction).await.expect("rolls back");
        }
        Ok::<_, AdvanceError>(())
    };
    let found = async || store.selection("doors", &LOG).await.expect("reads");
    assert_eq!(found().await, None);
    let first = claimed(&store, "doors", &LOG).await.epoch;
    assert_eq!(found().await, None);
    select(first, &of("door"), false).await.expect("selects");
    assert_eq!(found().await, None, "rolled back");
    select(first, &of("door"), true).await.expect("selects");
    assert_eq!(found().await, Some(of("door")));
    let second = claimed(&store, "doors", &LOG).await.epoch;
    assert_eq!(found().await, Some(of("door")), "a claim keeps it");
    let fenced = select(first, &of("window"), true).await;
    assert!(matches!(fenced, Err(AdvanceError::Fenced(_))), "{fenced:?}");
    select(second, &Selection::of(&[]), true)
        .await
        .expect("selects");
    assert_eq!(found().await, Some(Selection::of(&[])));
}

/// A role that reads more than before stops if its subscription has passed over an event that it reads now. It runs after a
/// reset, or when a person accepts that the event is left out.
pub async fn a_role_that_reads_more_leaves_nothing_out_silently<S: Store>(store: S) {
    let events = [
        DoorEvent::Opened,
        DoorEvent::Closed,
        DoorEvent::Locked,
        DoorEvent::Opened,
    ];
    append(&store, &events).await;
    assert_eq!(catch_up::<OpenedOnly, _>(&store).await.expect("runs"), 3);
    let more = catch_up::<OpenedAndBroken, _>(&store).await;
    assert_eq!(more.expect("passed over no event of the new type"), 4);

    for _ in 0..2 {
        let error = catch_up::<OpenedAndClosed, _>(&store).await;
        assert_eq!(passed_over(error), "door-front@2 (Closed), position 2");
    }
    let runner = Runner::over_log::<role::View>(&store, count::<OpenedAndClosed>());
    let runner = runner.expect("a view");
    let accepted = runner.accept_selection("only new ones count").await;
    accepted.expect("accepts");
    assert_eq!(
        catch_up::<OpenedAndClosed, _>(&store).await.expect("runs"),
        7
    );

    // The whole category, with an event of a type that no release before has read.
    let error = catch_up::<DoorEvent, _>(&store).await;
    assert_eq!(passed_over(error), "door-front@3 (Locked), position 3");
    let model = ReadModel::<Count<DoorEvent>, _>::new(&store);
    model.reset("rebuild").await.expect("resets");
    let all = catch_up::<DoorEvent, _>(&store).await.expect("runs");
    assert_eq!(all, 11);
    let less = catch_up::<OpenedOnly, _>(&store).await.expect("runs");
    assert_eq!(less, 12);
}

/// Pays for each event of a door, under the name of the view.
struct PaidDoors;

impl Reactor for PaidDoors {
    const NAME: &'static str = "doors";
    type Events = DoorEvent;
    type Commands = To<Purse>;

    fn react(&self, event: &Envelope<DoorEvent>) -> Vec<To<Purse>> {
        vec![To::new(event.id(), 1)]
    }
}

/// A role of another kind does not continue at the checkpoint of its name, unless a person accepts it.
pub async fn a_role_of_another_kind_does_not_continue<S: Store>(store: S) {
    assert_eq!(catch_up::<DoorEvent, _>(&store).await.expect("runs"), 1);
    append(&store, &[DoorEvent::Closed]).await;
    let reactor = || Runner::over_log::<role::Reactor>(&store, PaidDoors).expect("a reactor");
    for _ in 0..2 {
        let error = reactor().catch_up().await.expect_err("is of another kind");
        let RunnerErrorKind::OtherRole { recorded, role, .. } = error.kind else {
            panic!("{error:?}")
        };
        assert_eq!((recorded, role), (RoleKind::View, RoleKind::Reactor));
    }
    let purses = store.repository::<Purse>();
    let paid = async || purses.load("front").await.expect("loads").state.balance;
    assert_eq!(paid().await, 0);
    let accepted = reactor().accept_selection("it pays now").await;
    accepted.expect("is recorded");
    reactor().catch_up().await.expect("runs");
    assert_eq!(paid().await, 1, "behind the checkpoint of the view");
    let error = catch_up::<DoorEvent, _>(&store)
        .await
        .expect_err("is a view");
    let refused = matches!(error.kind, RunnerErrorKind::OtherRole { .. });
    assert!(refused, "{error:?}");
}

/// The event that a runner has passed over.
fn passed_over(outcome: Result<u64, RunnerError>) -> String {
    match outcome.expect_err("stops").kind {
        RunnerErrorKind::PassedOver { event, .. } => event,
        other => panic!("{other:?}"),
    }
}
