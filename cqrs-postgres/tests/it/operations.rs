//! What people change by hand is recorded with the reason, in the transaction of the change or with its outcome.

use cqrs_core::{
    DocumentKeys, Envelope, Event, EventStore, ExpectedVersion, Position, Runner, StoreErrorKind,
    View,
    ports::{Append, CommitError, Inbox, UnitOfWork},
    read::SkipError,
    role,
};
use cqrs_postgres::PgEventStore;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::support::{fresh_store, number};

#[derive(Debug, Serialize, Deserialize)]
enum MealEvent {
    Ordered,
    Served,
}

impl Event for MealEvent {
    const CATEGORY: &'static str = "meal";
}

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

fn meals(
    store: &PgEventStore,
) -> cqrs_core::read::LogRunner<PgEventStore, impl cqrs_core::read::Handler<PgEventStore>> {
    Runner::over_log::<role::View>(store, Meals).expect("a view")
}

/// The last operation: its verb, arguments and reason, if this session's user made it.
async fn last(store: &PgEventStore) -> (String, Value, String) {
    let sql = format!(
        "select verb, arguments::text, reason from \"{}\".operations where who = session_user order by id desc limit 1",
        store.schema()
    );
    let row = sqlx::query_as(AssertSqlSafe(sql)).fetch_one(store.pool());
    let (verb, arguments, reason): (String, String, String) = row.await.expect("reads");
    (
        verb,
        serde_json::from_str(&arguments).expect("JSON"),
        reason,
    )
}

#[tokio::test]
async fn every_change_by_hand_is_recorded_with_its_reason() {
    let store = fresh_store().await;
    let events = [MealEvent::Ordered, MealEvent::Served];
    let append = Append::of("one", ExpectedVersion::Any, &events).expect("valid");
    store.append(append).await.expect("appends");

    let accepted = meals(&store).accept_selection("only new ones").await;
    accepted.expect("accepts");
    let (verb, arguments, reason) = last(&store).await;
    assert_eq!((&*verb, &*reason), ("accept_selection", "only new ones"));
    assert_eq!(arguments["subscription"], "meals");
    assert!(
        arguments["reads"].to_string().contains("meal"),
        "{arguments}"
    );

    let skipped = meals(&store).skip(Position::new(1), "spoiled").await;
    let skipped = skipped.expect("skips");
    let event = skipped.event.expect("an event");
    let expected = json!({
        "subscription": "meals", "category": "meal", "aggregate_id": "one", "version": 1, "position": 1,
        "event_id": event.id.to_string(),
    });
    let expected = ("discard".to_owned(), expected, "spoiled".to_owned());
    assert_eq!(last(&store).await, expected);

    let identity = store.renew_id(Position::new(1), "lost a part").await;
    let identity = identity.expect("renews");
    let id = identity.id_of(Position::new(2)).to_string();
    let expected = json!({"after": 1, "id": id});
    let expected = (
        "renew_log_id".to_owned(),
        expected,
        "lost a part".to_owned(),
    );
    assert_eq!(last(&store).await, expected);

    meals(&store).rewind("again").await.expect("rewinds");
    let expected = json!({"subscription": "meals", "partitions": []});
    assert_eq!(
        last(&store).await,
        ("rewind".to_owned(), expected, "again".to_owned())
    );
}

#[tokio::test]
async fn no_change_by_hand_is_made_without_a_reason() {
    let store = fresh_store().await;
    let events = [MealEvent::Ordered];
    let append = Append::of("one", ExpectedVersion::Any, &events).expect("valid");
    store.append(append).await.expect("appends");
    let rejected =
        |error: Option<StoreErrorKind>| assert_eq!(error, Some(StoreErrorKind::InvalidInput));
    for empty in ["", " \n"] {
        let accepted = meals(&store).accept_selection(empty).await;
        rejected(kind(accepted));
        rejected(kind(meals(&store).rewind(empty).await));
        let skipped = meals(&store).skip(Position::new(1), empty).await;
        assert!(matches!(skipped, Err(SkipError::NoReason)), "{skipped:?}");
        let renewed = store.renew_id(Position::START, empty).await;
        rejected(renewed.err().map(|error| error.kind()));
        let recorded = store.record_operation("recover", &[], empty).await;
        rejected(recorded.err().map(|error| error.kind()));
    }
    assert_eq!(
        number(&store, "select count(*) from __schema__.operations").await,
        0
    );
    assert_eq!(
        number(&store, "select count(*) from __schema__.checkpoints").await,
        0
    );
}

fn kind<T>(outcome: Result<T, CommitError>) -> Option<StoreErrorKind> {
    match outcome {
        Err(CommitError::Store(error)) => Some(error.kind()),
        _ => None,
    }
}

/// A change whose transaction is rolled back leaves no record.
#[tokio::test]
async fn a_record_commits_with_its_change() {
    let store = fresh_store().await;
    let mut transaction = store.begin().await.expect("begins");
    let rewound = store.rewind_in(&mut transaction, "meals", "why").await;
    rewound.expect("rewinds");
    store.rollback(transaction).await.expect("rolls back");
    assert_eq!(
        number(&store, "select count(*) from __schema__.operations").await,
        0
    );
}
