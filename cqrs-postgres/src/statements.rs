//! The statements of a store, written once for its schema.

use std::sync::Arc;

use sqlx::AssertSqlSafe;

/// SQL that was made from our own text and the checked name of a schema or view.
#[derive(Debug, Clone)]
pub(crate) struct Statement(Arc<str>);

impl Statement {
    /// `text` with the schema in place of `__schema__`.
    pub(crate) fn new(text: &str, schema: &str) -> Self {
        Self(text.replace("__schema__", &format!("\"{schema}\"")).into())
    }

    /// `text` with the schema and the view's table in place of `__view__`.
    pub(crate) fn of_view(text: &str, schema: &str, view: &str) -> Self {
        Self::new(
            &text.replace("__view__", &format!("__schema__.\"view_{view}\"")),
            schema,
        )
    }

    pub(crate) fn sql(&self) -> AssertSqlSafe<Arc<str>> {
        AssertSqlSafe(Arc::clone(&self.0))
    }
}

macro_rules! statements {
    ($($name:ident: $text:expr;)+) => {
        /// Every statement that does not depend on a view.
        #[derive(Debug)]
        pub(crate) struct Statements { $(pub(crate) $name: Statement),+ }

        impl Statements {
            pub(crate) fn new(schema: &str) -> Self {
                Self { $($name: Statement::new($text, schema)),+ }
            }
        }
    };
}

/// The columns of an event, in the order in which [`row`](crate::row) and [`replay`](crate::replay) read them. In a replay the
/// schema version 1, which nearly all have, is a null: that is not sent.
macro_rules! columns {
    (of_a_replay) => {
        "version, event_id, event_type, nullif(schema_version, 1), payload"
    };
    (of_a_stream) => {
        "position, version, event_id, event_type, schema_version, payload, correlation_id, causation_id, traceparent, \
         recorded_at"
    };
    (with_stream) => {
        concat!(columns!(of_a_stream), ", category, aggregate_id")
    };
}

statements! {
    append: "select verdicts, before, positions from __schema__.append(\
             $1, $2, make_interval(secs => $3), $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, \
             $20, $21, $22)";
    append_event: "select __schema__.append_event(\
                   $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    append_to_one: "select __schema__.append_to_one(\
                    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    append_each: "select __schema__.append_each(\
                  $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)";
    log_identity: "select started, file from __schema__.log_identity()";
    appended_under: "select fingerprint, categories, aggregate_ids, before, versions, positions \
                     from __schema__.appended_under($1, make_interval(secs => $2))";
    recorded_under: "select fingerprint, categories, aggregate_ids, before, versions, positions \
                     from __schema__.idempotency where key = $1";
    forget_keys: "select __schema__.forget_keys(make_interval(secs => $1), $2)";
    replay: concat!(
        "select ", columns!(of_a_replay), " from __schema__.events \
         where category = $1 and aggregate_id = $2 and version > $3 order by version");
    replay_many: concat!(
        "select ", columns!(of_a_replay), ", n from unnest($1::text[], $2::text[], $3::bigint[]) \
         with ordinality as asked (c, a, behind, n), lateral ( \
             select * from __schema__.events \
             where category = c and aggregate_id = a and version > behind order by version limit $4 \
         ) as found");
    replay_from_snapshot: concat!(
        "with saved as materialized ( \
             select version, last_event, checksum, payload from __schema__.snapshots \
             where category = $1 and aggregate_id = $2 and fingerprint = $3) \
         select version, last_event, null::text, null::integer, payload, checksum from saved \
         union all ( \
             select ", columns!(of_a_replay), ", null::bigint from __schema__.events \
             where category = $1 and aggregate_id = $2 and version >= coalesce((select version from saved), 1) \
             order by version)");
    save_snapshot: "insert into __schema__.snapshots \
                        (category, aggregate_id, version, last_event, fingerprint, checksum, payload) \
                    values ($1, $2, $3, $4, $5, $6, $7::json) \
                    on conflict (category, aggregate_id) do update \
                    set version = excluded.version, last_event = excluded.last_event, \
                        fingerprint = excluded.fingerprint, checksum = excluded.checksum, \
                        payload = excluded.payload, taken_at = clock_timestamp()";
    fences: "select position, pid, prepared, \
                    extract(epoch from clock_timestamp() - since)::float8, state, application_name, query \
             from __schema__.fences()";
    read_stream: concat!(
        "select ", columns!(of_a_stream), " from __schema__.events \
         where category = $1 and aggregate_id = $2 and version > $3 order by version");
    read_streams: concat!("select ", columns!(with_stream), " from __schema__.read_streams($1, $2)");
    log_head: "select mark, drawn from __schema__.log_head()";
    read_log: concat!(
        "select ", columns!(with_stream), " from __schema__.events \
         where position > $1 and position <= $2 and slice >= $3 and slice < $4 order by position limit $5");
    read_log_filtered: concat!(
        "select ", columns!(with_stream), " from __schema__.events \
         where position > $1 and position <= $2 and slice >= $3 and slice < $4 \
           and (category = any($6) or (category, event_type) in (select * from unnest($7::text[], $8::text[]))) \
         order by position limit $5");
    last_in_log: "select position, event_id from __schema__.events where position > $1 and position <= $2 \
                  order by position desc limit 1";
    event_id_at: "select event_id from __schema__.events where position = $1";
    claim: "select epoch, \"offset\", event_id from __schema__.claim($1, $2)";
    advance: "select __schema__.advance($1, $2, $3, $4, $5)";
    checkpoint: "select \"offset\", event_id from __schema__.checkpoints where subscription = $1 and partition = $2";
    reset: "update __schema__.checkpoints set epoch = epoch + 1, \"offset\" = null, event_id = null, \
            updated_at = clock_timestamp() where subscription = $1";
    forget: "delete from __schema__.inbox where subscription = $1";
    received: "select lane, position from __schema__.inbox where subscription = $1 and partition = $2";
    receive: "insert into __schema__.inbox (subscription, partition, lane, position) \
              select $1, $2, lane, position from unnest($3::text[], $4::bigint[]) as received (lane, position) \
              on conflict (subscription, partition, lane) do update set position = excluded.position";
    prepare_view: "select __schema__.prepare_view($1)";
}
