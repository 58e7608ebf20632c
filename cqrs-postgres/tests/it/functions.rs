//! Four SQL functions append, and each keeps the steps: whichever an append goes through, it is refused, guarded, fenced and on
//! disk alike.

use cqrs_core::EventStore;
use cqrs_postgres::PgEventStore;
use sqlx::{AssertSqlSafe, Executor, Postgres, Transaction};

use crate::support::{append, fresh_store};

/// How each is called to append to stream `account/a`, `append_each` to `account/b` as well, having seen that there is nothing or
/// having to look, and its answer as text.
pub(crate) const CALLS: [(&str, &str); 7] = [
    (
        "append_event",
        "__schema__.append_event('account', 'a', 0::smallint, -1, null, false, null, null, gen_random_uuid(), 'Happened', \
         null, '1', null, null, null, null)::text",
    ),
    (
        "append_event, having seen",
        "__schema__.append_event('account', 'a', 0::smallint, 0, null, true, (__schema__.log_identity()).started, \
         (__schema__.log_identity()).file, gen_random_uuid(), 'Happened', null, '1', null, null, null, null)::text",
    ),
    (
        "append_to_one",
        "__schema__.append_to_one('account', 'a', 0::smallint, -1, null, false, null, null, array[gen_random_uuid()], \
         array['Happened'], null, array['1'], null, null, null, null)::text",
    ),
    (
        "append_to_one, having seen",
        "__schema__.append_to_one('account', 'a', 0::smallint, 0, null, true, (__schema__.log_identity()).started, \
         (__schema__.log_identity()).file, array[gen_random_uuid()], array['Happened'], null, array['1'], null, null, null, \
         null)::text",
    ),
    (
        "append_each",
        "__schema__.append_each(array['account', 'account'], array['a', 'b'], array[0, 0]::smallint[], array[-1, 0]::bigint[], \
         array[null, null]::uuid[], array[1, 1], '{}', null, null, array[1, 2], array[1, 1], \
         array[gen_random_uuid(), gen_random_uuid()], array['Happened', 'Happened'], '{}', array['1', '1'], '{}', '{}', '{}', \
         '{}')::text",
    ),
    (
        "append_each, having seen",
        "__schema__.append_each(array['account', 'account'], array['a', 'b'], array[0, 0]::smallint[], array[0, 0]::bigint[], \
         array[null, null]::uuid[], array[1, 1], array[true, true], (__schema__.log_identity()).started, \
         (__schema__.log_identity()).file, array[1, 2], array[1, 1], array[gen_random_uuid(), gen_random_uuid()], \
         array['Happened', 'Happened'], '{}', array['1', '1'], '{}', '{}', '{}', '{}')::text",
    ),
    (
        "append",
        "(__schema__.append(false, null, interval '1 day', array[1], array['account'], array['a'], array[0]::smallint[], \
         array[-1]::bigint[], array[null]::uuid[], array[1], '{}', '{}', '{}', array[1], array[1], array[gen_random_uuid()], \
         array['Happened'], '{}', array['1'], '{}', '{}', '{}', '{}')).verdicts::text",
    ),
];

/// How `append_each` is called to look at the same two streams.
const LOOK: &str = "__schema__.append_each(array['account', 'account'], array['a', 'b'], array[0, 0]::smallint[], \
                    array[-1, 0]::bigint[], array[null, null]::uuid[], array[0, 0], '{}', null, null, '{}', '{}', '{}', \
                    '{}', '{}', '{}', '{}', '{}', '{}', '{}')::text";

/// A setting that changes nothing here.
const NOTHING: &str = "set local work_mem = '4MB'";

/// A transaction with this setting, and what the call answers in it.
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
async fn whichever_function_appends_another_isolation_level_is_refused() {
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
async fn whichever_function_appends_its_commit_is_on_disk() {
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
async fn whichever_function_appends_a_fence_stands_below_what_it_draws() {
    let store = fresh_store().await;
    for (name, sql) in CALLS {
        let (mut transaction, answer) = call(&store, NOTHING, sql).await;
        answer.expect(name);
        // Only this transaction sees any.
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
async fn whichever_function_appends_others_find_its_stream_busy_whatever_they_call() {
    let store = fresh_store().await;
    for (name, sql) in CALLS {
        let (open, answer) = call(&store, NOTHING, sql).await;
        let answer = answer.expect(name);
        assert!(
            !answer.contains(['N', 'b']),
            "{name} did not append: {answer}"
        );
        // Only `append_each` was at the second stream, which was empty.
        let two = match name {
            "append_each" | "append_each, having seen" => "{NULL,NULL",
            _ => "{NULL,0",
        };
        let [event, event_seen, one, one_seen, each, each_seen, any] = CALLS.map(|(_, sql)| sql);
        for (other, busy) in [
            (event, "{NULL}"),
            (event_seen, "{NULL}"),
            (one, "{NULL}"),
            (one_seen, "{NULL}"),
            (each, two),
            (each_seen, two),
            (LOOK, two),
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

/// The log that is there.
const HERE: &str = "(__schema__.log_identity()).started, (__schema__.log_identity()).file";

/// Calls `append_event`, `append_to_one` and `append_each` to append an event to a stream that has one; what each answers, and
/// whether it came as far as the fence.
async fn claim(
    store: &PgEventStore,
    [expected, event, seen, log]: [&str; 4],
) -> [(Option<String>, bool); 3] {
    let new =
        "array[gen_random_uuid()], array['Happened'], null, array['1'], null, null, null, null";
    let calls = [
        format!(
            "append_event('account', 'a', 0::smallint, {expected}, {event}, {seen}, {log}, gen_random_uuid(), \
             'Happened', null, '1', null, null, null, null)"
        ),
        format!(
            "append_to_one('account', 'a', 0::smallint, {expected}, {event}, {seen}, {log}, {new})"
        ),
        format!(
            "append_each(array['account'], array['a'], array[0]::smallint[], array[{expected}]::bigint[], \
             array[{event}]::uuid[], array[1], array[{seen}]::boolean[], {log}, array[1], array[1], {new})"
        ),
    ];
    let ask = calls.map(async |call| {
        let mut transaction = store.pool().begin().await.expect("begins");
        let said = ask(&mut transaction, store, &format!("__schema__.{call}::text")).await;
        let fences = "count(*) > 0 from __schema__.fence_holders() where pid = pg_backend_pid()";
        let fenced = ask(&mut transaction, store, fences).await.expect("reads");
        transaction.rollback().await.expect("ends");
        (said.expect(&call), fenced)
    });
    let [event, one, each] = ask;
    [event.await, one.await, each.await]
}

#[tokio::test]
async fn who_has_seen_nothing_is_told_what_the_table_refuses() {
    let store = fresh_store().await;
    store.append(append("b", 1)).await.expect("appends");
    for (name, sql) in CALLS {
        let (mut transaction, reset) =
            call(&store, NOTHING, "setval('__schema__.position', 0)::text").await;
        reset.expect("sets the sequence back");
        let answer: Result<Option<String>, _> = ask(&mut transaction, &store, sql).await;
        transaction.rollback().await.expect("ends");
        if name.ends_with("having seen") {
            assert_eq!(answer.expect(name), None, "{name}");
            continue;
        }
        let error = answer.expect_err(name);
        let code = error.as_database_error().and_then(|error| error.code());
        assert_eq!(code.as_deref(), Some("23505"), "{name}: {error}");
    }
}

#[tokio::test]
async fn who_says_wrongly_what_was_seen_is_not_believed() {
    let store = fresh_store().await;
    store.append(append("a", 1)).await.expect("appends");
    let id = "(select event_id from __schema__.events)";
    let another = HERE.replace(".file", ".file || 'x'");
    let restarted = HERE.replace(".started", ".started + interval '1 microsecond'");
    for (claimed, answer) in [
        (["1", id, "true", HERE], Some("{1,")),
        (["1", id, "true", &another], None),
        (["1", id, "true", &restarted], None),
        (["1", id, "true", "null, null"], None),
        (["0", "null", "true", HERE], None),
        (["7", id, "null", HERE], Some("{-2}")),
        (["7", id, "false", HERE], Some("{-2}")),
        (["7", id, "false", &another], Some("{-2}")),
        (["-1", "null", "true", HERE], Some("{1,")),
        (["-2", "null", "true", HERE], Some("{1,")),
        (["-1", "null", "true", &another], None),
    ] {
        for (said, fenced) in claim(&store, claimed).await {
            let said = said.as_deref();
            let is_told = match answer {
                Some(answer) => said.is_some_and(|said| said.starts_with(answer)),
                None => said.is_none() && fenced,
            };
            assert!(is_told, "{claimed:?}: {said:?}");
        }
    }
}

/// The setting in which a transaction remembers its fence is everybody's to set.
#[tokio::test]
async fn no_setting_of_a_session_hides_a_fence() {
    let store = fresh_store().await;
    let take = ("take_fence", "__schema__.take_fence()::text");
    for (remembered, is_right) in [("", true), ("0", true), ("-1", false), ("-5", false)] {
        let set = format!("set local cqrs.fence_{} = '{remembered}'", store.schema());
        for (name, sql) in CALLS.into_iter().chain([take]) {
            let mut transaction = store.pool().begin().await.expect("begins");
            let set = transaction.execute(AssertSqlSafe(set.clone())).await;
            set.expect("sets");
            let answer: Result<String, _> = ask(&mut transaction, &store, sql).await;
            match answer {
                Ok(_) => {
                    let fence = "coalesce(min(position), -1) from __schema__.fence_holders() where pid = pg_backend_pid()";
                    let fence: i64 = ask(&mut transaction, &store, fence).await.expect("reads");
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
