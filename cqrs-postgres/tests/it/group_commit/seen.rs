//! What a store has seen of streams it does not look at again, and is not misled by: by other processes, nor by another log.

use cqrs_core::{
    Append, AppendError, EventId, EventStore, ExpectedVersion::*, Position, StreamId, Version,
    model::Conflict, ports::Snapshots,
};
use cqrs_postgres::PgEventStore;
use sqlx::AssertSqlSafe;

use crate::support::{Outcome, append, fresh_config, number, outcomes, start, stream, until};

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

/// An append of so many events to each, behind where it stands.
fn behind(places: &[Place], count: usize) -> Vec<Append> {
    let append = |(stream, version, last): &Place| Append {
        expected: LastEvent(*version, *last),
        ..append(stream.id(), count)
    };
    places.iter().map(append).collect()
}

/// Appends so many events to each, where it stands. The outcomes, and where they stand if all succeeded.
async fn append_to(
    store: &PgEventStore,
    places: &[Place],
    count: usize,
) -> (Vec<Outcome>, Vec<Place>) {
    let appends = behind(places, count);
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

/// Makes streams of two events each, by this store.
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
        Err(AppendError::Conflict(conflict)) => Some(conflict),
        _ => None,
    }
}

/// Others move one stream on. Then all of its batch are appended, and it is refused: whether the batch had not looked before.
async fn spares_the_look(
    [ours, theirs]: [&PgEventStore; 2],
    places: &mut Vec<Place>,
    moved: usize,
) -> bool {
    let (moving, moved_to) = append_to(theirs, &places[moved..=moved], 2).await;
    moving[0].as_ref().expect("appends");
    let before = drawn(ours).await;
    let (mut outcomes, mut after) = append_to(ours, places, 2).await;
    let tried = drawn(ours).await - before;
    let refused = conflict(&outcomes[moved]).expect("a conflict");
    assert_eq!(refused.actual, moved_to[0].1);
    after[moved] = moved_to[0].clone();
    outcomes[moved] = moving.into_iter().next().expect("one");
    all_whole(ours, &after, &outcomes).await;
    *places = after;
    // A batch that looked draws as many as it was given.
    tried.unsigned_abs() > 2 * STREAMS as u64
}

async fn read_together(store: &PgEventStore, places: &[Place]) {
    let reads = places
        .iter()
        .map(|(stream, ..)| store.replay(stream, Version::EMPTY));
    for read in futures::future::join_all(reads).await {
        read.expect("reads");
    }
}

#[tokio::test]
async fn what_was_read_need_not_be_looked_at() {
    for reading in ["alone", "together", "from a snapshot"] {
        let [ours, theirs] = two().await;
        let mut places = make(&theirs).await;
        // With a new connection all is forgotten: the writer's is there before.
        let others = (0..STREAMS).map(|n| append(&format!("other-{n}"), 1));
        for outcome in outcomes(start(&ours, others)).await {
            outcome.expect("appends");
        }
        if reading == "together" {
            read_together(&ours, &places).await;
        } else {
            for (stream, ..) in &places {
                let read = match reading {
                    "alone" => ours.replay(stream, Version::EMPTY).await.map(drop),
                    _ => ours.replay_from_snapshot(stream, 1).await.map(drop),
                };
                read.expect("reads");
            }
        }
        assert!(
            spares_the_look([&ours, &theirs], &mut places, STREAMS / 2).await,
            "{reading}"
        );
    }
}

#[tokio::test]
async fn a_stream_that_others_have_moved_on_conflicts_and_holds_up_nobody_of_its_batch() {
    let [ours, theirs] = two().await;
    let mut places = make(&ours).await;
    let mut spared = Vec::new();
    // More often than a store goes on looking after it was told.
    for round in 0..20 {
        let moved = (STREAMS / 2 + round) % STREAMS;
        spared.push(spares_the_look([&ours, &theirs], &mut places, moved).await);
    }
    let twice = spared.windows(2).any(|rounds| rounds == [true, true]);
    assert!(spared.contains(&true) && !twice, "{spared:?}");
}

#[tokio::test]
async fn who_appends_alone_is_spared_the_look_and_told_a_conflict_as_well() {
    for events in [1, 2] {
        let [ours, theirs] = two().await;
        let mut places = make_some(&ours, 1).await;
        let mut tried = Vec::new();
        for _ in 0..2 {
            let (outcomes, ours_at) = append_to(&ours, &places, events).await;
            all_whole(&ours, &ours_at, &outcomes).await;
            let (outcomes, theirs_at) = append_to(&theirs, &ours_at, 1).await;
            all_whole(&ours, &theirs_at, &outcomes).await;
            let before = drawn(&ours).await;
            let outcomes = append_to(&ours, &ours_at, events).await.0;
            assert_eq!(
                conflict(&outcomes[0]).expect("a conflict").actual,
                theirs_at[0].1
            );
            tried.push(drawn(&ours).await - before);
            places = theirs_at;
        }
        assert_eq!(tried, [1, 0], "once it was refused it looks for a while");
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

/// Puts the first two events of each stream in place of the whole log.
const AN_OLDER_STATE: &str = "
    create temporary table older on commit drop as select * from __schema__.events where version <= 2;
    truncate __schema__.events;
    insert into __schema__.events select * from older";

fn all_refused(outcomes: &[Outcome], places: &[Place]) {
    for (outcome, (stream, ..)) in outcomes.iter().zip(places) {
        let refused = conflict(outcome).expect("stands on nothing");
        assert_eq!((&refused.stream, refused.actual), (stream, Version::new(2)));
    }
}

#[tokio::test]
async fn what_was_seen_in_a_log_that_was_replaced_is_looked_at() {
    for streams in [1, STREAMS] {
        let [ours, _] = two().await;
        let made = make_some(&ours, streams).await;
        let (outcomes, places) = append_to(&ours, &made, 2).await;
        all_whole(&ours, &places, &outcomes).await;
        // Beneath the store's connections.
        run(&ours, AN_OLDER_STATE).await;
        all_refused(&append_to(&ours, &places, 1).await.0, &made);
        let (outcomes, places) = append_to(&ours, &made, 1).await;
        all_whole(&ours, &places, &outcomes).await;
    }
}

#[tokio::test]
async fn a_log_that_the_reader_meets_before_the_writer_is_remembered_like_any_other() {
    let [ours, theirs] = two().await;
    let mut places = make(&ours).await;
    read_together(&ours, &places).await;
    // The writer meets the second log, the reader the third: they tell of two in one era.
    run(&ours, AN_OLDER_STATE).await;
    for _ in 0..2 {
        let (outcomes, after) = append_to(&ours, &places, 1).await;
        all_whole(&ours, &after, &outcomes).await;
        places = after;
    }
    let replaced = AN_OLDER_STATE.replace("where version <= 2", "");
    run(&ours, &replaced).await;
    read_together(&ours, &places).await;
    for _ in 0..2 {
        let before = drawn(&ours).await;
        let (outcomes, after) = append_to(&ours, &places, 1).await;
        all_whole(&ours, &after, &outcomes).await;
        let tried = (drawn(&ours).await - before).unsigned_abs();
        assert_eq!(tried, STREAMS as u64, "nothing was drawn in vain");
        places = after;
    }
    assert!(spares_the_look([&ours, &theirs], &mut places, 5).await);
}

#[tokio::test]
async fn a_log_that_is_replaced_while_a_batch_waits_for_it_is_looked_at() {
    replaced_while(STREAMS, 1, "append_each").await;
}

#[tokio::test]
async fn a_log_that_is_replaced_while_an_append_alone_waits_for_it_is_looked_at() {
    replaced_while(1, 1, "append_event").await;
    replaced_while(1, 2, "append_to_one").await;
}

/// While an append of so many events to each stream waits in this function.
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
    all_refused(&appending.await.expect("does not panic"), &made);
    let (outcomes, places) = append_to(&ours, &made, 1).await;
    all_whole(&ours, &places, &outcomes).await;
}

#[tokio::test]
async fn streams_that_were_seen_go_with_some_that_were_not() {
    let [ours, theirs] = two().await;
    let places = make(&ours).await;
    // All of these are as expected.
    for n in 0..4 {
        let known = append(&format!("known-{n}"), 2);
        theirs.append(known).await.expect("appends");
    }
    let mut appends: Vec<_> = (0..4).map(|n| append(&format!("known-{n}"), 1)).collect();
    for append in &mut appends {
        append.expected = Exact(Version::new(2));
    }
    appends.extend(behind(&places, 1));
    let places: Vec<_> = appends
        .iter()
        .map(|append| (append.stream.clone(), Version::new(3), append.events[0].id))
        .collect();
    all_whole(&ours, &places, &outcomes(start(&ours, appends)).await).await;
    let places = &places[4..];

    // These are not.
    let unknown: Vec<_> = (0..4).map(|n| append(&format!("unknown-{n}"), 2)).collect();
    for unknown in &unknown {
        theirs.append(unknown.clone()).await.expect("appends");
    }
    let mut appends = behind(places, 1);
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
        let events = ours.read_stream(&append.stream, appended[0].before).await;
        let position = events.expect("reads").first().map(|event| event.position);
        assert_eq!(appended[0].position, position, "{}", append.stream);
    }
}
