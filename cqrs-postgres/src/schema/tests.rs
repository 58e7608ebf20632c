//! Upgrades from every earlier state of the schema, with what was written there.

use cqrs_core::{
    Append, Checkpoints, EventStore, ExpectedVersion, LogQuery, PartitionId, Position, Slices,
    StreamId, Version,
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use super::*;
use crate::{PgConfig, PgEventStore, store::SEARCH_PATH};

#[derive(serde::Serialize, serde::Deserialize)]
enum NoteEvent {
    Written { text: String },
}
impl cqrs_core::Event for NoteEvent {
    const CATEGORY: &'static str = "note";
}

/// An append as the function of the first three states took it.
const APPEND: &str = r#"
    select * from __schema__.append(
        array['note'], array['a'], array[0]::smallint[], array[-1]::bigint[], array[1, 1],
        array[gen_random_uuid(), gen_random_uuid()], array['Written', 'Written'], array[1, 1],
        array['{"text":"x"}', '{"text":"y"}'], array[null, null], array[null, null]::uuid[], array[null, null])
"#;

async fn connected() -> PgConnection {
    let url =
        std::env::var("DATABASE_URL").expect("DATABASE_URL names a server: scripts/services up");
    PgConnection::connect(&url).await.expect("connects")
}

async fn run(connection: &mut PgConnection, schema: &str, sql: &str) {
    let sql = sql.replace("__schema__", &format!("\"{schema}\""));
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await
        .expect("runs");
}

/// Else they would set it for each append, which is right but slow.
#[test]
fn the_short_functions_find_the_search_path_that_they_look_for() {
    let (.., append) = MIGRATIONS[3];
    let looked_for = format!("operator(pg_catalog.<>) '{SEARCH_PATH}' then");
    let set = format!("pg_catalog.set_config('search_path', '{SEARCH_PATH}', true)");
    for line in [looked_for, set] {
        assert_eq!(append.matches(&line).count(), 3, "{line}");
    }
}

#[tokio::test]
async fn every_earlier_state_is_upgraded_with_what_is_in_it() {
    let url =
        std::env::var("DATABASE_URL").expect("DATABASE_URL names a server: scripts/services up");
    let mut connection = connected().await;
    for state in 0..newest() {
        let schema = format!("test_{}", Uuid::now_v7().simple());
        install_up_to(&mut connection, &schema, state)
            .await
            .expect("installs");
        let written = if state == 0 { 0 } else { 2 };
        if (1..4).contains(&state) {
            run(&mut connection, &schema, APPEND).await;
        }
        if state >= 2 {
            let checkpoint = "insert into __schema__.checkpoints (subscription, partition, epoch, \"offset\", event_id) \
                              select 'notes', '__log__', 3, position, event_id from __schema__.events where version = 1; \
                              select __schema__.prepare_view('notes')";
            let log = PartitionId::Log(Slices::ALL).to_string();
            run(
                &mut connection,
                &schema,
                &checkpoint.replace("__log__", &log),
            )
            .await;
        }
        let config = PgConfig::new(&url).schema(&schema);
        PgEventStore::install(&config).await.expect("upgrades");
        let store = PgEventStore::connect(&config).await.expect("connects");
        goes_on(&store, state, written).await;
        run(&mut connection, &schema, "drop schema __schema__ cascade").await;
    }
}

/// What was written is there, at its place, and what is written now comes behind it.
async fn goes_on(store: &PgEventStore, state: i64, written: u64) {
    let stream = StreamId::of::<NoteEvent>("a").expect("valid");
    let event = NoteEvent::Written {
        text: "z".to_owned(),
    };
    let at = ExpectedVersion::Exact(Version::new(written));
    let appended = store
        .append(Append::of("a", at, &[event]).expect("valid"))
        .await
        .expect("appends");
    assert_eq!(appended.version, Version::new(written + 1), "from {state}");
    let events = store
        .read_stream(&stream, Version::EMPTY)
        .await
        .expect("reads");
    assert_eq!(events.len() as u64, written + 1);
    let query = LogQuery {
        after: Position::START,
        reads: &[],
        slices: Slices::ALL,
        limit: 10,
    };
    let page = store.read_log(query).await.expect("reads");
    assert_eq!(page.events, events);
    assert!(events.is_sorted_by(|a, b| a.position < b.position));
    if state >= 2 {
        let log = PartitionId::Log(Slices::ALL);
        let claim = store.claim("notes", &log).await.expect("claims");
        assert_eq!(claim.epoch, 4);
        let stands_on = claim.at.and_then(|checkpoint| checkpoint.event_id);
        assert_eq!(stands_on, Some(events[0].id));
    }
}
