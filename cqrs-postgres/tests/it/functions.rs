//! Four SQL functions append, and each takes the same steps: it checks the transaction, guards the streams, takes the fence and
//! flushes the commit to disk.

use cqrs_core::EventStore;
use cqrs_postgres::PgEventStore;
use sqlx::{AssertSqlSafe, Executor, Postgres, Transaction};

use crate::support::{append, fresh_store, number, run, stream};

/// A call of each that appends to stream `account/a`, `append_each` also to `account/b`, with its result as text. `append_each`
/// reads the versions first, or inserts first.
pub(crate) const CALLS: [(&str, &str); 5] = [
    (
        "append_event",
        "__schema__.append_event('account', 'a', 0::smallint, -1, null, gen_random_uuid(), 'Happened', null, '1', null, null, \
         null, null)::text",
    ),
    (
        "append_to_one",
        "__schema__.append_to_one('account', 'a', 0::smallint, -1, null, array[gen_random_uuid()], array['Happened'], null, \
         array['1'], null, null, null, null)::text",
    ),
    (
        "append_each",
        "__schema__.append_each(array['account', 'account'], array['a', 'b'], array[0, 0]::smallint[], array[-1, 0]::bigint[], \
         array[null, null]::uuid[], array[1, 1], array[0, 1], null, array[gen_random_uuid(), gen_random_uuid()], \
         array['Happened', 'Happened'], '{}', array['1', '1'], '{}', '{}', '{}', '{}')::text",
    ),
    (
        "append_each, inserting first",
        "__schema__.append_each(array['account', 'account'], array['a', 'b'], array[0, 0]::smallint[], array[0, 0]::bigint[], \
         array[null, null]::uuid[], array[1, 1], array[0, 1], array[0, 0], array[gen_random_uuid(), gen_random_uuid()], \
         array['Happened', 'Happened'], '{}', array['1', '1'], '{}', '{}', '{}', '{}')::text",
    ),
    (
        "append",
        "(__schema__.append(false, null, interval '1 day', array[1], array['account'], array['a'], array[0]::smallint[], \
         array[-1]::bigint[], array[null]::uuid[], array[1], array[0], '{}', '{}', '{}', array[gen_random_uuid()], \
         array['Happened'], '{}', array['1'], '{}', '{}', '{}', '{}')).verdicts::text",
    ),
];

/// A call of `append_each` that checks the same two streams.
const CHECK: &str = "__schema__.append_each(array['account', 'account'], array['a', 'b'], array[0, 0]::smallint[], \
                     array[-1, 0]::bigint[], array[null, null]::uuid[], array[0, 0], array[0, 0], null, '{}', '{}', '{}', \
                     '{}', '{}', '{}', '{}', '{}')::text";

/// A setting without an effect here.
const NOTHING: &str = "set local work_mem = '4MB'";

/// Runs the call in a transaction with this setting, and returns its result.
async fn call(
    store: &PgEventStore,
    setting: &'static str,
    call: &str,
) -> (Transaction<'static, Postgres>, Result<String, sqlx::Error>) {
    let mut transaction = store.pool().begin().await.expect("begins");
    transaction.execute(setting).await.expect("runs");
    let answer = ask(&mut transaction, store, call).await;
    (transaction, answer)
}

async fn ask<T>(
    transaction: &mut Transaction<'static, Postgres>,
    store: &PgEventStore,
    question: &str,
) -> Result<T, sqlx::Error>
where
    T: for<'r> sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres> + Send + Unpin,
{
    let schema = format!("\"{}\"", store.schema());
    let sql = format!("select {}", question.replace("__schema__", &schema));
    sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_one(&mut **transaction)
        .await
}

#[tokio::test]
async fn every_append_function_rejects_other_isolation_levels() {
    let store = fresh_store().await;
    for (name, sql) in CALLS {
        let setting = "set transaction isolation level repeatable read";
        let (transaction, answer) = call(&store, setting, sql).await;
        transaction.rollback().await.expect("ends");
        let error = answer.expect_err(name);
        let code = error.as_database_error().and_then(|error| error.code());
        assert_eq!(code.as_deref(), Some("CQ001"), "{name}: {error}");
    }
}

#[tokio::test]
async fn every_append_function_flushes_its_commit_to_disk() {
    let store = fresh_store().await;
    for (name, sql) in CALLS {
        let (mut transaction, answer) =
            call(&store, "set local synchronous_commit = off", sql).await;
        answer.expect(name);
        let level = ask(
            &mut transaction,
            &store,
            "current_setting('synchronous_commit')",
        )
        .await;
        let level: String = level.expect("reads");
        transaction.rollback().await.expect("ends");
        assert_eq!(level, "on", "{name}");
    }
}

#[tokio::test]
async fn every_append_function_sets_a_fence_below_its_positions() {
    let store = fresh_store().await;
    for (name, sql) in CALLS {
        let (mut transaction, answer) = call(&store, NOTHING, sql).await;
        answer.expect(name);
        // Only this transaction sees its events.
        let written = "min(position) from __schema__.events";
        let written: i64 = ask(&mut transaction, &store, written).await.expect("reads");
        let fence = "min(position) from __schema__.fence_holders() where pid = pg_backend_pid()";
        let fence: i64 = ask(&mut transaction, &store, fence).await.expect("reads");
        assert!(fence < written, "{name}: {fence} is not below {written}");
        let mut other = store.pool().begin().await.expect("begins");
        let mark = ask(&mut other, &store, "mark from __schema__.log_head()").await;
        let mark: i64 = mark.expect("reads");
        assert!(
            mark < written,
            "{name}: readers would pass {written} at {mark}"
        );
        transaction.rollback().await.expect("ends");
    }
}

#[tokio::test]
async fn every_append_function_locks_its_stream_for_all_others() {
    let store = fresh_store().await;
    for (name, sql) in CALLS {
        let (open, answer) = call(&store, NOTHING, sql).await;
        let answer = answer.expect(name);
        assert!(
            !answer.contains(['N', 'b']),
            "{name} did not append: {answer}"
        );
        // Only `append_each` locks the second stream, which was empty.
        let two = if name.starts_with("append_each") {
            "{NULL,NULL"
        } else {
            "{NULL,0"
        };
        let [event, one, each, each_first, any] = CALLS.map(|(_, sql)| sql);
        for (other, busy) in [
            (event, "{NULL}"),
            (one, "{NULL}"),
            (each, two),
            (each_first, two),
            (CHECK, two),
            (any, "{b}"),
        ] {
            let (transaction, answer) = call(&store, NOTHING, other).await;
            transaction.rollback().await.expect("ends");
            let answer = answer.expect("answers");
            assert!(answer.starts_with(busy), "{other} beside {name}: {answer}");
        }
        open.rollback().await.expect("ends");
    }
}

#[tokio::test]
async fn every_append_function_returns_errors_of_the_table() {
    let store = fresh_store().await;
    store.append(append("c", 1)).await.expect("appends");
    for (name, sql) in CALLS {
        let (mut transaction, reset) =
            call(&store, NOTHING, "setval('__schema__.position', 0)::text").await;
        reset.expect("sets the sequence back");
        let answer: Result<Option<String>, _> = ask(&mut transaction, &store, sql).await;
        transaction.rollback().await.expect("ends");
        let error = answer.expect_err(name);
        let code = error.as_database_error().and_then(|error| error.code());
        assert_eq!(code.as_deref(), Some("23505"), "{name}: {error}");
    }
}

/// A call of each function that appends one event to stream `account/a`, after this version and event at this claimed position.
fn appends_after([expected, event, head]: [&str; 3]) -> [String; 4] {
    let new =
        "array[gen_random_uuid()], array['Happened'], null, array['1'], null, null, null, null";
    let slice = stream("a").slice();
    let stream = format!("array['account'], array['a'], array[{slice}]::smallint[]");
    [
        format!(
            "append_event('account', 'a', {slice}::smallint, {expected}, {event}, gen_random_uuid(), 'Happened', null, '1', null, \
             null, null, null)::text"
        ),
        format!(
            "append_to_one('account', 'a', {slice}::smallint, {expected}, {event}, {new})::text"
        ),
        format!(
            "append_each({stream}, array[{expected}]::bigint[], array[{event}]::uuid[], array[1], array[0], \
             array[{head}]::bigint[], {new})::text"
        ),
        format!(
            "append(false, null, interval '1 day', array[1], {stream}, array[{expected}]::bigint[], \
             array[{event}]::uuid[], array[1], array[0], '{{}}', '{{}}', '{{}}', {new})::text"
        ),
    ]
}

#[tokio::test]
async fn no_event_is_appended_without_the_event_before_it() {
    assert_no_gap(&fresh_store().await).await;
}

/// An empty store appends only after an event that is there.
pub(crate) async fn assert_no_gap(store: &PgEventStore) {
    store.append(append("a", 1)).await.expect("appends");
    store.append(append("b", 1)).await.expect("appends");
    let of = |id: &str, column: &str| {
        format!("(select {column} from __schema__.events where aggregate_id = '{id}')")
    };
    let id = of("a", "event_id");
    let at = of("a", "position");
    let other_id = of("b", "event_id");
    let other_at = of("b", "position");
    for (claim, appends) in [
        (["1", &id, &at], true),
        (["1", &id, "0"], true),
        (["1", &id, "null"], true),
        (["1", "null", "0"], true),
        // A wrong position proves nothing, and does no harm.
        (["1", &id, &other_at], true),
        (["1", &id, "7"], true),
        (["1", &id, "-7"], true),
        // Nothing is appended after a missing event, whatever position is claimed.
        (["0", "null", "0"], false),
        (["0", "null", &at], false),
        (["1", &other_id, &at], false),
        (["1", &other_id, &other_at], false),
        (["2", &id, &at], false),
        (["1000", &id, &at], false),
        (["1000", "null", "0"], false),
        (["1000", "null", &at], false),
    ] {
        for call in appends_after(claim) {
            let mut transaction = store.pool().begin().await.expect("begins");
            let reply = ask(&mut transaction, store, &format!("__schema__.{call}")).await;
            let reply: String = reply.expect(&call);
            let gaps = "count(*) from __schema__.events e where version > 1 and not exists (select from __schema__.events b \
                        where b.aggregate_id = e.aggregate_id and b.version = e.version - 1)";
            let gaps: i64 = ask(&mut transaction, store, gaps).await.expect("reads");
            let events = "count(*) from __schema__.events";
            let events: i64 = ask(&mut transaction, store, events).await.expect("reads");
            transaction.rollback().await.expect("ends");
            assert_eq!(
                (gaps, events),
                (0, 2 + i64::from(appends)),
                "{call}: {reply}"
            );
        }
    }
}

/// Of two streams of a batch one is as expected. What is claimed of the other, which is empty, is wrong or null.
#[tokio::test]
async fn a_stream_of_a_batch_vouches_for_no_other() {
    let store = fresh_store().await;
    store.append(append("a", 1)).await.expect("appends");
    let (slice_a, slice_b) = (stream("a").slice(), stream("b").slice());
    let a = "(select event_id from __schema__.events)";
    for (expected, count, head) in [
        ("1000", "1", "999999"),
        ("1000", "1", "null"),
        ("1000", "1", "0"),
        // An empty stream has no event with this id.
        ("0", "1", "0"),
        ("null", "1", "0"),
        ("1000", "null", "999999"),
    ] {
        let call = format!(
            "__schema__.append_each(array['account', 'account'], array['a', 'b'], array[{slice_a}, {slice_b}]::smallint[], \
             array[1, {expected}]::bigint[], array[{a}, gen_random_uuid()]::uuid[], array[1, {count}]::integer[], \
             array[0, 1], array[1, {head}]::bigint[], array[gen_random_uuid(), gen_random_uuid()], \
             array['Happened', 'Happened'], null, array['1', '1'], null, null, null, null)::text"
        );
        let mut transaction = store.pool().begin().await.expect("begins");
        let reply: Result<Option<String>, _> = ask(&mut transaction, &store, &call).await;
        let reply = reply.expect(&call);
        let of_b = "count(*) from __schema__.events where aggregate_id = 'b'";
        let of_b: i64 = ask(&mut transaction, &store, of_b).await.expect("reads");
        transaction.rollback().await.expect("ends");
        assert_eq!(of_b, 0, "{call}: {reply:?}");
    }
}

#[tokio::test]
async fn events_of_one_append_have_versions_without_a_gap() {
    let store = fresh_store().await;
    // The caller gives wrong numbers of events.
    for (counts, before) in [
        ("array[1, 1]", "array[5, 9]"),
        ("array[2, 1]", "array[0, 0]"),
        ("array[1, 2]", "array[1, 0]"),
        ("array[3, -1]", "array[-3, 0]"),
    ] {
        let new = "array[gen_random_uuid(), gen_random_uuid(), gen_random_uuid()], \
                   array['Happened', 'Happened', 'Happened'], null, array['1', '1', '1'], null, null, null, null";
        let streams = "array['account', 'account'], array['a', 'b'], array[0, 0]::smallint[], array[0, 0]::bigint[], \
             array[null, null]::uuid[]";
        let calls = [
            format!("append_each({streams}, {counts}, {before}, array[0, 0], {new})::text"),
            format!("append_each({streams}, {counts}, {before}, null, {new})::text"),
            format!(
                "append(false, null, interval '1 day', array[1, 2], {streams}, {counts}, {before}, '{{}}', '{{}}', \
                 '{{}}', {new})::text"
            ),
        ];
        for call in calls {
            let mut transaction = store.pool().begin().await.expect("begins");
            let reply: Result<String, _> =
                ask(&mut transaction, &store, &format!("__schema__.{call}")).await;
            if reply.is_ok() {
                let gaps = "bool_or(last <> events) is true from (select max(version) as last, count(*) as events \
                            from __schema__.events group by aggregate_id) as streams";
                let gaps: bool = ask(&mut transaction, &store, gaps).await.expect("reads");
                assert!(!gaps, "{call}");
            }
            transaction.rollback().await.expect("ends");
        }
    }
}

#[tokio::test]
async fn no_setting_of_a_session_hides_a_fence() {
    assert_fence_is_shown(&fresh_store().await).await;
}

/// Any session can set the setting in which a transaction stores its fence. Whatever it is, an append shows its fence or fails.
pub(crate) async fn assert_fence_is_shown(store: &PgEventStore) {
    let take = ("take_fence", "__schema__.take_fence()::text");
    for (remembered, is_right) in [("", true), ("0", true), ("-1", false), ("-5", false)] {
        let set = format!("set local cqrs.fence_{} = '{remembered}'", store.schema());
        for (name, sql) in CALLS.into_iter().chain([take]) {
            let mut transaction = store.pool().begin().await.expect("begins");
            let set = transaction.execute(AssertSqlSafe(set.clone())).await;
            set.expect("sets");
            let answer: Result<String, _> = ask(&mut transaction, store, sql).await;
            match answer {
                Ok(_) => {
                    let fence = "coalesce(min(position), -1) from __schema__.fence_holders() where pid = pg_backend_pid()";
                    let fence: i64 = ask(&mut transaction, store, fence).await.expect("reads");
                    assert!(fence >= 0, "{name}: no reader sees its fence");
                }
                Err(error) => {
                    let code = error.as_database_error().and_then(|error| error.code());
                    assert_eq!(code.as_deref(), Some("CQ005"), "{name}: {error}");
                    assert!(!is_right, "{name}: {error}");
                }
            }
            transaction.rollback().await.expect("ends");
        }
    }
}

/// Calls that append one event to `account/a` at any version, in this slice and with this schema version.
fn appends_in([slice, schema_version]: [&str; 2]) -> [String; 5] {
    let new = format!(
        "array[gen_random_uuid()], array['Happened'], array[{schema_version}]::integer[], array['1'], null, null, null, null"
    );
    let stream = format!("array['account'], array['a'], array[{slice}]::smallint[]");
    let last = "__schema__.last_event('account', 'a', 0)";
    let each = |heads: &str| {
        format!(
            "append_each({stream}, array[coalesce((select version from {last}), 0)], array[(select event_id from {last})], \
             array[1], array[0], {heads}, {new})::text"
        )
    };
    [
        format!(
            "append_event('account', 'a', {slice}::smallint, -1, null, gen_random_uuid(), 'Happened', {schema_version}, \
             '1', null, null, null, null)::text"
        ),
        format!("append_to_one('account', 'a', {slice}::smallint, -1, null, {new})::text"),
        each("null"),
        each("array[coalesce((select max(position) from __schema__.events), 0)]"),
        format!(
            "append(false, null, interval '1 day', array[1], {stream}, array[-1]::bigint[], array[null]::uuid[], array[1], \
             array[0], '{{}}', '{{}}', '{{}}', {new})::text"
        ),
    ]
}

/// Whether each call appends, with these arguments; each must append or be rejected.
async fn assert_appends(store: &PgEventStore, arguments: [&str; 2], appends: bool) {
    for call in appends_in(arguments) {
        let mut transaction = store.pool().begin().await.expect("begins");
        let answer: Result<String, _> =
            ask(&mut transaction, store, &format!("__schema__.{call}")).await;
        transaction.rollback().await.expect("ends");
        match answer {
            Ok(answer) => {
                let done = !answer.contains(['N', 'b', 'c', '-']);
                assert!(appends && done, "{call}: {answer}");
            }
            Err(error) => {
                let code = error.as_database_error().and_then(|error| error.code());
                assert_eq!(code.as_deref(), Some("CQ006"), "{call}: {error}");
                assert!(!appends, "{call}: {error}");
            }
        }
    }
}

#[tokio::test]
async fn a_stream_stays_in_its_slice_and_versions_begin_at_1() {
    assert_slices_are_kept(&fresh_store().await).await;
}

/// An empty store rejects a slice that is not the stream's, and schema versions below 1.
pub(crate) async fn assert_slices_are_kept(store: &PgEventStore) {
    for is_new in [true, false] {
        for (arguments, appends) in [
            (["5", "null"], true),
            (["5", "1"], true),
            (["5", "2147483647"], true),
            (["5", "0"], false),
            (["5", "-1"], false),
            (["0", "1"], is_new),
            (["1023", "1"], is_new),
            (["1024", "1"], false),
            (["-1", "1"], false),
            (["30000", "1"], false),
            (["null", "1"], false),
        ] {
            assert_appends(store, arguments, appends).await;
        }
        if is_new {
            let [first, ..] = appends_in(["5", "1"]);
            run(store, &format!("select __schema__.{first}")).await;
        }
    }
    let events = number(store, "select count(*) from __schema__.events").await;
    assert_eq!(events, 1);
}

/// A call by hand. A key would be recorded with versions that no event has.
#[tokio::test]
async fn an_append_whose_counts_do_not_match_its_events_is_refused() {
    let store = fresh_store().await;
    for (count, ids) in [("1", 0), ("2", 1), ("0", 1), ("1", 2), ("null", 1)] {
        let ids = Vec::from_iter((0..ids).map(|_| "gen_random_uuid()")).join(", ");
        let types = ids.replace("gen_random_uuid()", "'Happened'");
        let payloads = ids.replace("gen_random_uuid()", "'1'");
        let sql = format!(
            "(__schema__.append(false, null, interval '1 day', array[1], array['account'], array['a'], array[0]::smallint[], \
             array[-1]::bigint[], array[null]::uuid[], array[{count}]::integer[], array[0], array[1], array['key'], \
             array[7]::bigint[], array[{ids}]::uuid[], array[{types}]::text[], '{{}}', array[{payloads}]::text[], '{{}}', '{{}}', \
             '{{}}', '{{}}')).verdicts::text"
        );
        let (transaction, answer) = call(&store, NOTHING, &sql).await;
        let error = answer.expect_err("is refused").to_string();
        assert!(error.contains("an append cannot store"), "{count}: {error}");
        transaction.rollback().await.expect("rolls back");
    }
    let recorded = number(&store, "select count(*) from __schema__.idempotency").await;
    assert_eq!(recorded, 0);
}
