//! A batch inserts before it reads versions, and neither other processes nor another log mislead it.

use cqrs_core::{
    EventId, EventStore,
    ExpectedVersion::*,
    Position, StreamId, Version,
    model::Conflict,
    ports::{Append, AppendError},
};
use cqrs_postgres::PgEventStore;
use sqlx::AssertSqlSafe;

use crate::support::{Outcome, append, fresh_config, number, outcomes, start, stream, until};

const STREAMS: usize = 12;

fn name(n: usize) -> String {
    format!("s-{n}")
}

/// Two stores, like those of two processes.
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

/// A stream, its version and its last event.
type Place = (StreamId, Version, EventId);

/// An append of this many events to each, after its last event.
fn after_last(places: &[Place], count: usize) -> Vec<Append> {
    let append = |(stream, version, last): &Place| {
        append(stream.id(), count).expecting(LastEvent(*version, *last))
    };
    places.iter().map(append).collect()
}

/// Appends this many events to each. The outcomes, and the last events if all succeed.
async fn append_to(
    store: &PgEventStore,
    places: &[Place],
    count: usize,
) -> (Vec<Outcome>, Vec<Place>) {
    let appends = after_last(places, count);
    let after = appends.iter().zip(places).map(|(append, place)| {
        let last = append.events.last().expect("some");
        (place.0.clone(), place.1.plus(count as u64), last.id)
    });
    let after = after.collect();
    (outcomes(start(store, appends)).await, after)
}

async fn make(store: &PgEventStore) -> Vec<Place> {
    make_some(store, STREAMS).await
}

/// Creates streams of two events each with this store.
async fn make_some(store: &PgEventStore, streams: usize) -> Vec<Place> {
    let appends: Vec<_> = (0..streams).map(|n| append(&name(n), 2)).collect();
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

/// Checks that no stream has a gap, and that its last event has the id and the position of the outcome.
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
        Err(AppendError::Conflict(conflict)) => Some(conflict),
        _ => None,
    }
}

/// Others append to one stream, then a batch appends to all streams and conflicts on that one. Returns whether it inserted first.
async fn inserts_first(
    [ours, theirs]: [&PgEventStore; 2],
    places: &mut Vec<Place>,
    moved: usize,
) -> bool {
    let (moving, moved_to) = append_to(theirs, &places[moved..=moved], 2).await;
    moving[0].as_ref().expect("appends");
    let before = drawn(ours).await;
    let (mut outcomes, mut after) = append_to(ours, places, 2).await;
    let tried = drawn(ours).await - before;
    let rejected = conflict(&outcomes[moved]).expect("a conflict");
    assert_eq!(rejected.actual, moved_to[0].1);
    after[moved] = moved_to[0].clone();
    outcomes[moved] = moving.into_iter().next().expect("one");
    all_whole(ours, &after, &outcomes).await;
    *places = after;
    // A batch that read the versions draws as many as it was given.
    tried.unsigned_abs() > 2 * STREAMS as u64
}

#[tokio::test]
async fn a_batch_inserts_first_whoever_wrote_the_streams() {
    for by_us in [true, false] {
        let [ours, theirs] = two().await;
        let mut places = make(if by_us { &ours } else { &theirs }).await;
        assert!(inserts_first([&ours, &theirs], &mut places, STREAMS / 2).await);
    }
}

#[tokio::test]
async fn a_stream_that_others_appended_to_delays_nobody_of_its_batch() {
    let [ours, theirs] = two().await;
    let mut places = make(&ours).await;
    let mut first = Vec::new();
    // More rounds than batches that read first after a conflict.
    for round in 0..20 {
        let moved = (STREAMS / 2 + round) % STREAMS;
        first.push(inserts_first([&ours, &theirs], &mut places, moved).await);
    }
    let twice = first.windows(2).any(|rounds| rounds == [true, true]);
    assert!(first.contains(&true) && !twice, "{first:?}");
}

#[tokio::test]
async fn positions_are_right_where_others_draw_some_in_between() {
    let [ours, _] = two().await;
    let places = make(&ours).await;
    run(
        &ours,
        "create function __schema__.draw() returns trigger language plpgsql as $$ begin
             perform nextval('__schema__.position');
             return new;
         end $$;
         create trigger draw before insert on __schema__.events for each row
         when (new.aggregate_id in ('s-3', 's-7')) execute function __schema__.draw()",
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

/// Replaces the log with the first two events of each stream.
const AN_OLDER_STATE: &str = "
    create temporary table older on commit drop as select * from __schema__.events where version <= 2;
    alter table __schema__.events disable trigger events_never_change;
    truncate __schema__.events;
    alter table __schema__.events enable always trigger events_never_change;
    insert into __schema__.events select * from older";

fn all_rejected(outcomes: &[Outcome], places: &[Place]) {
    for (outcome, (stream, ..)) in outcomes.iter().zip(places) {
        let rejected = conflict(outcome).expect("the last event is gone");
        assert_eq!(
            (&rejected.stream, rejected.actual),
            (stream, Version::new(2))
        );
    }
}

#[tokio::test]
async fn events_of_a_log_that_was_replaced_are_not_appended_to() {
    for streams in [1, STREAMS] {
        let [ours, _] = two().await;
        let made = make_some(&ours, streams).await;
        let (outcomes, places) = append_to(&ours, &made, 2).await;
        all_whole(&ours, &places, &outcomes).await;
        // While the store's connections stay open.
        run(&ours, AN_OLDER_STATE).await;
        all_rejected(&append_to(&ours, &places, 1).await.0, &made);
        let (outcomes, places) = append_to(&ours, &made, 1).await;
        all_whole(&ours, &places, &outcomes).await;
    }
}

#[tokio::test]
async fn a_log_that_is_replaced_while_a_batch_waits_for_it_is_noticed() {
    replaced_while(STREAMS, 1, "append_each").await;
}

#[tokio::test]
async fn a_log_replaced_while_a_lone_append_waits_for_it_is_noticed() {
    replaced_while(1, 1, "append_event").await;
    replaced_while(1, 2, "append_to_one").await;
}

/// Replaces the log while an append of this many events to each stream waits in this function.
async fn replaced_while(streams: usize, events: usize, waits: &str) {
    let [ours, theirs] = two().await;
    let made = make_some(&ours, streams).await;
    let (outcomes, places) = append_to(&ours, &made, 2).await;
    all_whole(&ours, &places, &outcomes).await;
    let mut replacing = theirs.pool().begin().await.expect("begins");
    let sql = AN_OLDER_STATE.replace("__schema__", &format!("\"{}\"", theirs.schema()));
    let replaced = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *replacing);
    replaced.await.expect("runs");
    let appending = {
        let (ours, places) = (ours.clone(), places.clone());
        tokio::spawn(async move { append_to(&ours, &places, events).await.0 })
    };
    let waiting = format!(
        "select count(*) from pg_locks l join pg_stat_activity a using (pid) \
         where l.relation = '__schema__.events'::regclass and not l.granted and a.query like '%{waits}%'"
    );
    until("the append waits", async || {
        number(&theirs, &waiting).await > 0
    })
    .await;
    replacing.commit().await.expect("commits");
    all_rejected(&appending.await.expect("does not panic"), &made);
    let (outcomes, places) = append_to(&ours, &made, 1).await;
    all_whole(&ours, &places, &outcomes).await;
}

#[tokio::test]
async fn one_batch_appends_to_remembered_and_other_streams() {
    let [ours, theirs] = two().await;
    let places = make(&ours).await;
    // All of these match their expectations.
    for n in 0..4 {
        let known = append(&format!("known-{n}"), 2);
        theirs.append(known).await.expect("appends");
    }
    let mut appends: Vec<_> = (0..4).map(|n| append(&format!("known-{n}"), 1)).collect();
    for append in &mut appends {
        append.expected = Exact(Version::new(2));
    }
    appends.extend(after_last(&places, 1));
    let places: Vec<_> = appends
        .iter()
        .map(|append| (append.stream.clone(), Version::new(3), append.events[0].id))
        .collect();
    all_whole(&ours, &places, &outcomes(start(&ours, appends)).await).await;
    let places = &places[4..];

    // These do not.
    let unknown: Vec<_> = (0..4).map(|n| append(&format!("unknown-{n}"), 2)).collect();
    for unknown in &unknown {
        theirs.append(unknown.clone()).await.expect("appends");
    }
    let mut appends = after_last(places, 1);
    let expected = [
        Any,
        Exact(Version::new(2)),
        StreamExists,
        Exact(Version::new(1)),
    ];
    for (n, expected) in expected.into_iter().enumerate() {
        let of_unknown = append(&format!("unknown-{n}"), 1);
        appends.insert(3 * n, of_unknown.expecting(expected));
    }
    let last = LastEvent(Version::new(1), places[0].2);
    appends.push(append("unknown-3", 0).expecting(last));
    let appended = outcomes(start(&ours, appends.clone())).await;
    for (append, outcome) in appends.iter().zip(&appended) {
        if append.stream == stream("unknown-3") {
            let rejected = conflict(outcome).expect("is at another version");
            assert_eq!(rejected.actual, Version::new(2));
            continue;
        }
        let appended = outcome.as_ref().expect("appends");
        let events = ours.read_stream(&append.stream, appended[0].before).await;
        let position = events.expect("reads").first().map(|event| event.position);
        assert_eq!(appended[0].position, position, "{}", append.stream);
    }
}
