//! What a store has seen of streams it does not look at again, and is not misled by: by other processes, nor by another log.

use cqrs_core::{
    Append, Conflict, EventId, EventStore, ExpectedVersion::*, Position, StreamId, Version,
    WriteError,
};
use cqrs_postgres::PgEventStore;
use sqlx::AssertSqlSafe;

use crate::support::{Outcome, append, fresh_config, number, outcomes, start, stream};

const STREAMS: usize = 12;

fn name(n: usize) -> String {
    format!("seen-{n}")
}

/// Two stores, as two processes have them.
async fn two() -> [PgEventStore; 2] {
    let config = fresh_config();
    PgEventStore::install(&config).await.expect("installs");
    let connect = || PgEventStore::connect(&config);
    [
        connect().await.expect("connects"),
        connect().await.expect("connects"),
    ]
}

async fn run(store: &PgEventStore, sql: &str) {
    let sql = sql.replace("__schema__", &format!("\"{}\"", store.schema()));
    let run = sqlx::raw_sql(AssertSqlSafe(sql)).execute(store.pool());
    run.await.expect("runs");
}

async fn drawn(store: &PgEventStore) -> i64 {
    number(store, "select last_value from __schema__.position").await
}

/// Where a stream stands.
type Place = (StreamId, Version, EventId);

/// Appends so many events to each, where it stands. The outcomes, and where they stand if all succeeded.
async fn append_to(
    store: &PgEventStore,
    places: &[Place],
    count: usize,
) -> (Vec<Outcome>, Vec<Place>) {
    let appends: Vec<_> = places
        .iter()
        .map(|(stream, version, last)| Append {
            expected: LastEvent(*version, *last),
            ..append(stream.id(), count)
        })
        .collect();
    let behind = appends.iter().zip(places).map(|(append, place)| {
        let last = append.events.last().expect("some");
        (place.0.clone(), place.1.plus(count as u64), last.id)
    });
    let behind = behind.collect();
    (outcomes(start(store, appends)).await, behind)
}

/// Makes streams of two events each, by this store.
async fn make(store: &PgEventStore) -> Vec<Place> {
    let appends: Vec<_> = (0..STREAMS).map(|n| append(&name(n), 2)).collect();
    let places = appends.iter().map(|append| {
        let last = append.events.last().expect("some");
        (append.stream.clone(), Version::new(2), last.id)
    });
    let places = places.collect();
    for outcome in outcomes(start(store, appends)).await {
        outcome.expect("appends");
    }
    places
}

/// Every stream is whole, and its events have the ids and positions that were told.
async fn all_whole(store: &PgEventStore, places: &[Place], outcomes: &[Outcome]) {
    for ((stream, version, last), outcome) in places.iter().zip(outcomes) {
        let events = store.read_stream(stream, Version::EMPTY).await;
        let events = events.expect("reads");
        let versions: Vec<_> = events.iter().map(|event| event.version.get()).collect();
        assert_eq!(
            versions,
            (1..=version.get()).collect::<Vec<_>>(),
            "{stream}"
        );
        let event = events.last().expect("some");
        assert_eq!(event.id, *last, "{stream}");
        let appended = outcome.as_ref().expect("appends");
        assert_eq!(appended[0].position, Some(event.position), "{stream}");
    }
}

fn conflict(outcome: &Outcome) -> Option<&Conflict> {
    match outcome {
        Err(WriteError::Conflict(conflict)) => Some(conflict),
        _ => None,
    }
}

#[tokio::test]
async fn what_was_appended_and_what_was_read_need_not_be_looked_at() {
    let [ours, theirs] = two().await;
    let made = make(&ours).await;
    let (outcomes, places) = append_to(&ours, &made, 3).await;
    all_whole(&ours, &places, &outcomes).await;
    // Another process reads them, together.
    let reads = places
        .iter()
        .map(|(stream, ..)| theirs.replay(stream, Version::EMPTY));
    for read in futures::future::join_all(reads).await {
        assert_eq!(read.expect("reads").len(), 5);
    }
    let (outcomes, places) = append_to(&theirs, &places, 2).await;
    all_whole(&theirs, &places, &outcomes).await;
}

#[tokio::test]
async fn a_stream_that_others_have_moved_on_conflicts_and_holds_up_nobody_of_its_batch() {
    let [ours, theirs] = two().await;
    let mut places = make(&ours).await;
    // More often than a store goes on looking after it was told.
    for round in 0..20 {
        let moved = round % STREAMS;
        let (moving, behind) = append_to(&theirs, &places[moved..=moved], 2).await;
        moving[0].as_ref().expect("appends");

        let before = drawn(&ours).await;
        let (mut outcomes, mut after) = append_to(&ours, &places, 2).await;
        let tried = drawn(&ours).await - before;
        let refused = conflict(&outcomes[moved]).expect("a conflict");
        assert_eq!(refused.actual, behind[0].1);
        if round == 0 {
            let wanted = 2 * STREAMS as i64;
            assert!(
                tried > wanted,
                "{tried} positions: all were looked at first"
            );
        }
        after[moved] = behind[0].clone();
        outcomes[moved] = moving.into_iter().next().expect("one");
        all_whole(&ours, &after, &outcomes).await;
        places = after;
    }
}

#[tokio::test]
async fn positions_are_told_right_where_others_draw_some_in_between() {
    let [ours, _] = two().await;
    let places = make(&ours).await;
    run(
        &ours,
        "create function __schema__.draw() returns trigger language plpgsql as $$ begin
             perform nextval('__schema__.position');
             return new;
         end $$;
         create trigger draw before insert on __schema__.events for each row
         when (new.aggregate_id in ('seen-3', 'seen-7')) execute function __schema__.draw()",
    )
    .await;
    let (outcomes, places) = append_to(&ours, &places, 3).await;
    all_whole(&ours, &places, &outcomes).await;
    let last = |n: usize| {
        outcomes[n]
            .as_ref()
            .ok()?
            .first()?
            .position
            .map(Position::get)
    };
    assert!(
        last(11).is_some_and(|last| last > 12 * 5 + 1),
        "{:?}",
        last(11)
    );
}

#[tokio::test]
async fn what_was_seen_in_a_log_that_was_replaced_is_looked_at() {
    let [ours, _] = two().await;
    let made = make(&ours).await;
    let (outcomes, places) = append_to(&ours, &made, 2).await;
    all_whole(&ours, &places, &outcomes).await;
    // An older state comes in its place, beneath the store's connections.
    run(
        &ours,
        "create table __schema__.older as select * from __schema__.events where version <= 2;
         truncate __schema__.events;
         insert into __schema__.events select * from __schema__.older",
    )
    .await;
    let (outcomes, _) = append_to(&ours, &places, 1).await;
    for (outcome, (stream, ..)) in outcomes.iter().zip(&made) {
        let refused = conflict(outcome).expect("stands on nothing");
        assert_eq!((&refused.stream, refused.actual), (stream, Version::new(2)));
    }
    let (outcomes, places) = append_to(&ours, &made, 1).await;
    all_whole(&ours, &places, &outcomes).await;
}

#[tokio::test]
async fn streams_that_were_seen_go_with_some_that_were_not() {
    let [ours, theirs] = two().await;
    let places = make(&ours).await;
    let unknown: Vec<_> = (0..4).map(|n| append(&format!("unknown-{n}"), 2)).collect();
    for unknown in &unknown {
        theirs.append(unknown.clone()).await.expect("appends");
    }
    let mut appends: Vec<_> = places
        .iter()
        .map(|(stream, version, last)| Append {
            expected: LastEvent(*version, *last),
            ..append(stream.id(), 1)
        })
        .collect();
    let expected = [
        Any,
        Exact(Version::new(2)),
        StreamExists,
        Exact(Version::new(1)),
    ];
    for (n, expected) in expected.into_iter().enumerate() {
        let of_unknown = append(&format!("unknown-{n}"), 1);
        appends.insert(
            3 * n,
            Append {
                expected,
                ..of_unknown
            },
        );
    }
    appends.push(Append {
        events: Vec::new(),
        expected: LastEvent(Version::new(1), places[0].2),
        ..append("unknown-3", 0)
    });
    let appended = outcomes(start(&ours, appends.clone())).await;
    for (append, outcome) in appends.iter().zip(&appended) {
        if append.stream == stream("unknown-3") {
            let refused = conflict(outcome).expect("is at another version");
            assert_eq!(refused.actual, Version::new(2));
            continue;
        }
        let appended = outcome.as_ref().expect("appends");
        assert_eq!(appended[0].version, Version::new(3), "{}", append.stream);
        let events = ours.read_stream(&append.stream, Version::new(2)).await;
        let position = events.expect("reads").first().map(|event| event.position);
        assert_eq!(appended[0].position, position, "{}", append.stream);
    }
}
