//! Guarantee of every store: a subscription that reads more than before does not silently leave out what it has passed over.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use cqrs_core::{
    CommandStore, DocumentKeys, Envelope, Event, ExpectedVersion, HandlerError, Position,
    Projection, Reactor, ReadModel, Runner, Store, StoreErrorKind, To, View,
    model::{EventFilter, PartitionId, RoleKind, Selection, Slices, Upcaster},
    ports::{AdvanceError, Append, CommitError, Partitions},
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

/// Notes the position of each event that it handles.
struct Notes<E>(Arc<Mutex<Vec<u64>>>, std::marker::PhantomData<E>);

#[async_trait]
impl<S: Store, E: Event> Projection<S> for Notes<E> {
    type Events = E;

    fn name(&self) -> &str {
        "doors"
    }

    async fn project(
        &self,
        _: &mut S::Transaction,
        events: &[Envelope<E>],
    ) -> Result<(), HandlerError> {
        let positions = events.iter().map(|event| event.recorded.position.get());
        self.0.lock().expect("no panic").extend(positions);
        Ok(())
    }
}

/// The positions that a projection of these events handles until it has all of them.
async fn noted<E: Event, S: Store>(store: &S) -> Result<Vec<u64>, RunnerError> {
    let notes = Arc::default();
    let role = Notes::<E>(Arc::clone(&notes), std::marker::PhantomData);
    let runner = Runner::over_log::<role::Projection>(store, role)?;
    runner.catch_up().await?;
    let noted = notes.lock().expect("no panic").clone();
    Ok(noted)
}

async fn handle_passed_over<E: Event, S: Store>(
    store: &S,
    reason: &str,
) -> Result<(), CommitError> {
    let role = Notes::<E>(Arc::default(), std::marker::PhantomData);
    let runner = Runner::over_log::<role::Projection>(store, role).expect("a projection");
    runner.handle_passed_over(reason).await
}

/// A projection that reads more than before handles what it has passed over, once, and nothing twice. The error names the types, the
/// first event and the choices.
pub async fn what_was_passed_over_is_handled_once<S: Store>(store: S) {
    use DoorEvent::{Closed, Locked, Opened};
    append(&store, &[Opened, Closed, Opened, Closed, Locked]).await;
    assert_eq!(noted::<OpenedOnly, _>(&store).await.expect("runs"), [1, 3]);
    append(&store, &[Opened, Closed]).await;
    let error = noted::<OpenedAndClosed, _>(&store).await;
    let error = error.expect_err("has passed over").to_string();
    for part in [
        "door: Closed",
        "position 2",
        "`Runner::handle_passed_over`",
        "`Runner::accept_selection`",
    ] {
        assert!(error.contains(part), "{error}");
    }

    let refused = handle_passed_over::<OpenedAndClosed, _>(&store, " ").await;
    assert!(refused.is_err(), "without a reason");
    let reason = "the doors count, too";
    let decided = handle_passed_over::<OpenedAndClosed, _>(&store, reason).await;
    decided.expect("is recorded");
    let operations = store.operations(None, 1).await.expect("reads");
    assert_eq!(operations[0].verb, "handle_passed_over");
    assert_eq!(operations[0].reason.as_deref(), Some(reason));

    // What it has handled stays handled when the number of partitions changes.
    store
        .repartition("doors", 4, "more of them")
        .await
        .expect("repartitions");
    let more = noted::<OpenedAndClosed, _>(&store).await.expect("runs");
    assert_eq!(more, [2, 4, 6, 7]);
    assert_eq!(
        noted::<OpenedAndClosed, _>(&store).await.expect("runs"),
        [0; 0]
    );

    // Again, with a type more: what was handled at either time counts.
    handle_passed_over::<DoorEvent, _>(&store, reason)
        .await
        .expect("is recorded");
    assert_eq!(noted::<DoorEvent, _>(&store).await.expect("runs"), [5]);
}

/// What a person sends back to an event is handled again, also what was handled before the subscription read again.
pub async fn a_named_place_counts_more_than_what_was_handled<S: Store>(store: S) {
    use DoorEvent::{Closed, Opened};
    append(&store, &[Opened, Closed, Opened]).await;
    assert_eq!(noted::<OpenedOnly, _>(&store).await.expect("runs"), [1, 3]);
    handle_passed_over::<OpenedAndClosed, _>(&store, "why")
        .await
        .expect("is recorded");
    assert_eq!(
        noted::<OpenedAndClosed, _>(&store).await.expect("runs"),
        [2]
    );
    store
        .continue_after("doors", Position::new(1), "handle the last two again")
        .await
        .expect("continues");
    assert_eq!(
        noted::<OpenedAndClosed, _>(&store).await.expect("runs"),
        [2, 3]
    );
}

/// The documents of a view depend on the order of the events: it is reset instead.
pub async fn a_view_does_not_handle_what_it_has_passed_over<S: Store>(store: S) {
    append(&store, &[DoorEvent::Opened, DoorEvent::Closed]).await;
    catch_up::<OpenedOnly, _>(&store).await.expect("runs");
    let error = catch_up::<OpenedAndClosed, _>(&store).await;
    let error = error.expect_err("has passed over").to_string();
    assert!(error.contains("`ReadModel::reset`"), "{error}");
    let runner = Runner::over_log::<role::View>(&store, count::<OpenedAndClosed>());
    let refused = runner.expect("a view").handle_passed_over("why").await;
    let Err(CommitError::Store(refused)) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(refused.kind(), StoreErrorKind::InvalidInput);
    assert!(refused.to_string().contains("ReadModel::reset"));
}

/// An event of a door whose type has a new name.
#[derive(Debug, Serialize, Deserialize)]
enum ShutEvent {
    Opened,
    Shut,
}

impl Event for ShutEvent {
    const CATEGORY: &'static str = "door";
    const PARTIAL: bool = true;
    const UPCASTERS: &'static [Upcaster] = &[Upcaster::renamed("Closed", 1, "Shut", 1)];
}

/// A type with a new name was read under its old one, and a new type without events has none to ask about.
pub async fn a_renamed_or_a_new_type_starts_without_a_question<S: Store>(store: S) {
    use DoorEvent::{Closed, Opened};
    append(&store, &[Opened, Closed]).await;
    let before = noted::<OpenedAndClosed, _>(&store).await.expect("runs");
    assert_eq!(before, [1, 2]);
    append(&store, &[Closed]).await;
    assert_eq!(noted::<ShutEvent, _>(&store).await.expect("runs"), [3]);
    assert_eq!(
        noted::<OpenedAndBroken, _>(&store).await.expect("runs"),
        [0; 0]
    );
}
