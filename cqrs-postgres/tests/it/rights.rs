//! Roles with the least rights: one installs, one runs a service, one only reads.

use std::sync::atomic::{AtomicU64, Ordering};

use cqrs_core::{
    EventStore, Position, StoreErrorKind, chain,
    ports::{AppendError, Documents, HealthLimits, Inspect, LogQuery},
};
use cqrs_postgres::{Access, PgConfig, PgEventStore};
use cqrs_testing::contract;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    functions::CALLS,
    support::{append, fresh_store, url},
};

/// Three roles and a schema. Roles are global to the server, so they are dropped at the end.
pub(crate) struct Roles {
    name: String,
}

static NUMBER: AtomicU64 = AtomicU64::new(0);

/// Rights on the database are in one row, which cannot be changed concurrently.
const ONE_AT_A_TIME: &str = "select pg_advisory_xact_lock(hashtext('rights on the database'))";

/// The password is the name.
fn create(role: &str) -> String {
    format!("create role {role} login password '{role}'")
}

impl Roles {
    pub(crate) async fn create() -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("t{}_{number}", Uuid::now_v7().simple());
        let roles = Self { name };
        let database = "select quote_ident(current_database())";
        let mut connection = admin().await;
        let database: String = sqlx::query_scalar(database)
            .fetch_one(&mut connection)
            .await
            .expect("reads");
        let [owner, service, reader] = roles.names();
        let sql = format!(
            "{ONE_AT_A_TIME}; {}; {}; {}; grant create on database {database} to {owner}",
            create(&owner),
            create(&service),
            create(&reader)
        );
        run(&mut connection, &sql).await.expect("creates the roles");
        roles
    }

    pub(crate) fn names(&self) -> [String; 3] {
        ["owner", "service", "reader"].map(|role| format!("{}_{role}", self.name))
    }

    fn config(&self, role: &str) -> PgConfig {
        PgConfig::new(Self::url(role)).schema(&self.name)
    }

    fn url(role: &str) -> String {
        let (scheme, rest) = url().split_once("://").map_or_else(
            || panic!("DATABASE_URL is a URL"),
            |(scheme, rest)| (scheme.to_owned(), rest.to_owned()),
        );
        let host = rest.split_once('@').map_or(&*rest, |(_, host)| host);
        format!("{scheme}://{role}:{role}@{host}")
    }

    pub(crate) async fn installed(&self) -> [PgConfig; 3] {
        let configs = self.before_the_last_grant().await;
        let granted = PgEventStore::grant(&configs[0], &self.last_role(), Access::Reader).await;
        granted.expect("grants");
        configs
    }

    /// Installs the store, without access for the [last role](Self::last_role).
    pub(crate) async fn before_the_last_grant(&self) -> [PgConfig; 3] {
        let [owner, service, reader] = self.names();
        let configs = [&owner, &service, &reader].map(|role| self.config(role));
        PgEventStore::install(&configs[0]).await.expect("installs");
        let granted = PgEventStore::grant(&configs[0], &service, Access::Service).await;
        granted.expect("grants");
        configs
    }

    /// The reader.
    pub(crate) fn last_role(&self) -> String {
        let [_, _, reader] = self.names();
        reader
    }

    pub(crate) async fn drop(self) {
        let mut connection = admin().await;
        let schema = &self.name;
        run(
            &mut connection,
            &format!("drop schema if exists {schema} cascade"),
        )
        .await
        .expect("drops");
        for role in self.names() {
            run(
                &mut connection,
                &format!("{ONE_AT_A_TIME}; drop owned by {role}; drop role {role}"),
            )
            .await
            .expect("drops");
        }
    }
}

pub(crate) async fn admin() -> PgConnection {
    PgConnection::connect(&url()).await.expect("connects")
}

async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    connection
        .execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned())))
        .await?;
    Ok(())
}

/// The server's error code for a statement, if it rejects it.
pub(crate) async fn rejection(store: &PgEventStore, sql: &str) -> Option<String> {
    let sql = sql.replace("__schema__", store.schema());
    let mut connection = store.pool().acquire().await.expect("connects");
    match run(&mut connection, &sql).await {
        Err(sqlx::Error::Database(error)) => error.code().map(Into::into),
        Err(error) => panic!("{sql}: {error}"),
        Ok(()) => None,
    }
}

pub(crate) fn denied() -> Option<String> {
    Some("42501".to_owned())
}

const CHANGES: [&str; 13] = [
    "insert into __schema__.events (position, category, aggregate_id, version, slice, event_id, event_type, schema_version, \
     payload) values (9, 'a', 'b', 1, 0, gen_random_uuid(), 'c', 1, '1')",
    "update __schema__.events set payload = '2'",
    "delete from __schema__.events",
    "truncate __schema__.events",
    "select nextval('__schema__.position')",
    "create table __schema__.of_my_own ()",
    "update __schema__.idempotency set fingerprint = 0",
    "update __schema__.discarded set reason = 'other'",
    "delete from __schema__.discarded",
    "update __schema__.log_ids set \"after\" = 0",
    "delete from __schema__.log_ids",
    "update __schema__.operations set who = 'other'",
    "delete from __schema__.operations",
];

#[tokio::test]
async fn even_the_owner_cannot_change_an_event_by_mistake() {
    let store = fresh_store().await;
    store.append(append("a", 1)).await.expect("appends");
    for change in CHANGES.into_iter().filter(|change| {
        [".events set", "from __schema__.events", "truncate"]
            .iter()
            .any(|words| change.contains(words))
    }) {
        let schema = format!("\"{}\"", store.schema());
        let change = AssertSqlSafe(change.replace("__schema__", &schema));
        let changed = sqlx::query(change).execute(store.pool()).await;
        let error = changed.expect_err("rejected");
        let code = error.as_database_error().and_then(|error| error.code());
        assert_eq!(code.as_deref(), Some("CQ004"), "{error}");
    }
}

#[tokio::test]
async fn a_service_runs_without_the_right_to_change_an_event() {
    let roles = Roles::create().await;
    let [_, service, _] = roles.installed().await;
    let store = PgEventStore::connect(&service).await.expect("connects");
    // All ways to append: alone, in a batch, in a transaction, under a key.
    store.append(append("alone", 1)).await.expect("appends");
    let mut writers = JoinSet::new();
    for id in 0..20 {
        let store = store.clone();
        writers.spawn(async move { store.append(append(&id.to_string(), 1)).await });
    }
    let outcomes = writers.join_all().await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    contract::checkpoints::a_claim_continues_at_the_last_checkpoint(store.clone()).await;
    contract::log::a_log_has_an_identity(store.clone()).await;
    contract::relays::a_relay_has_one_holder_at_a_time(store.clone()).await;
    contract::discards::discarded_events_are_kept_with_their_reason(store.clone()).await;
    contract::discards::discarded_records_are_kept_as_bytes(store.clone()).await;
    contract::parking::a_parked_key_is_kept_until_it_is_taken_out(store.clone()).await;
    contract::documents::documents_are_written_changed_and_removed(store.clone()).await;
    contract::documents::a_document_commits_with_its_checkpoint_or_not_at_all(store.clone()).await;
    let query = LogQuery::new(Position::START, 100);
    assert!(store.read_log(query).await.expect("reads").events.len() >= 21);
    assert!(store.fence_holders().await.is_ok());
    for change in CHANGES {
        assert_eq!(rejection(&store, change).await, denied(), "{change}");
    }
    roles.drop().await;
}

#[tokio::test]
async fn a_reader_reads_everything_and_appends_nothing() {
    let roles = Roles::create().await;
    let [owner, service, reader] = roles.installed().await;
    let owner = PgEventStore::connect(&owner).await.expect("connects");
    owner.append(append("a", 2)).await.expect("appends");
    let service = PgEventStore::connect(&service).await.expect("connects");
    // A view that is created after the grants has the same rights.
    contract::documents::documents_are_paged_in_key_order(service).await;
    let store = PgEventStore::connect(&reader).await.expect("connects");
    let query = LogQuery::new(Position::START, 100);
    assert_eq!(store.read_log(query).await.expect("reads").events.len(), 2);
    let health = store.health(&HealthLimits::default()).await;
    assert!(health.expect("reads").is_healthy());
    assert_eq!(store.operations(None, 10).await.expect("reads"), []);
    let views = "do $$ declare v regclass; n bigint; begin \
                     for v in select oid from pg_class where relnamespace = '__schema__'::regnamespace \
                              and starts_with(relname, 'view_') and relkind = 'r' loop \
                         execute format('select count(*) from %s', v) into strict n; end loop; end $$";
    assert_eq!(rejection(&store, views).await, None);
    for change in CHANGES {
        assert_eq!(rejection(&store, change).await, denied(), "{change}");
    }
    let error = store.append(append("a", 1)).await.expect_err("rejected");
    assert!(
        matches!(&error, AppendError::Store(e) if e.kind() == StoreErrorKind::Misconfigured),
        "{error:?}"
    );
    let both = [append("a", 1), append("b", 1)];
    let error = store.append_all(both.into()).await.expect_err("rejected");
    assert!(error.to_string().contains("lacks a right"), "{error}");
    roles.drop().await;
}

#[tokio::test]
async fn a_role_without_rights_gets_an_error() {
    let roles = Roles::create().await;
    let [owner, service, reader] = roles.names();
    let config = roles.config(&owner);
    PgEventStore::install(&config).await.expect("installs");
    for stranger in [service, reader] {
        let error = PgEventStore::connect(&roles.config(&stranger))
            .await
            .expect_err("rejected");
        assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{error}");
    }
    let error = PgEventStore::grant(&config, "nobody of this name", Access::Reader)
        .await
        .expect_err("no such role");
    let text = chain(&error).to_string();
    assert!(text.contains("nobody of this name"), "{text}");
    roles.drop().await;
}

/// Objects of an application in the schema of a store, which has the same owner.
const NEIGHBOURS: &str = "
    create schema __schema__;
    create function __schema__.price() returns integer language sql return 7;
    create table __schema__.view_prices (sku text, cents bigint);
    create table __schema__.customers (name text);";

#[tokio::test]
async fn other_objects_of_the_schema_keep_their_rights() {
    let roles = Roles::create().await;
    let [owner, service, _] = roles.names();
    let neighbours = NEIGHBOURS.replace("__schema__", &roles.name);
    let mut connection = PgConnection::connect(&Roles::url(&owner))
        .await
        .expect("connects");
    run(&mut connection, &neighbours).await.expect("creates");
    let [owners, services, _] = roles.installed().await;
    PgEventStore::grant(&owners, &service, Access::Service)
        .await
        .expect("grants again");
    let store = PgEventStore::connect(&services).await.expect("connects");
    assert_eq!(rejection(&store, "select __schema__.price()").await, None);
    for theirs in ["view_prices", "customers"] {
        let read = format!("select * from __schema__.{theirs}");
        assert_eq!(rejection(&store, &read).await, denied(), "{theirs}");
    }
    let error = store.prepare_view("prices").await.expect_err("rejected");
    assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{error}");
    store.prepare_view("costs").await.expect("prepares");
    store.prepare_view("costs").await.expect("finds it");
    roles.drop().await;
}

/// Rights of PUBLIC on the schema, its tables and functions.
const OF_EVERYBODY: &str = "
    select 1 / (not exists (
        select from pg_class, aclexplode(relacl)
        where relnamespace = '__schema__'::regnamespace and grantee = 0
        union all
        select from pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner)))
        where pronamespace = '__schema__'::regnamespace and grantee = 0
        union all
        select from pg_namespace, aclexplode(nspacl)
        where oid = '__schema__'::regnamespace and grantee = 0
    ))::integer";

#[tokio::test]
async fn nobody_can_share_a_store_with_every_role() {
    let roles = Roles::create().await;
    let [owner, ..] = roles.installed().await;
    let store = PgEventStore::connect(&owner).await.expect("connects");
    for name in ["public", "PUBLIC", "Public", "\"public\"", " public "] {
        for access in [Access::Service, Access::Reader] {
            let granted = PgEventStore::grant(&owner, name, access).await;
            let error = granted.expect_err(name);
            assert_eq!(error.kind(), StoreErrorKind::InvalidInput, "{error}");
            assert!(error.to_string().contains("every role"), "{error}");
        }
        let call = format!("select __schema__.grant_access('{name}', true)");
        let code = rejection(&store, &call).await;
        assert_eq!(code.as_deref(), Some("CQ007"), "{name}");
    }
    assert_eq!(rejection(&store, OF_EVERYBODY).await, None);
    roles.drop().await;
}

/// Objects with the names that the append functions use, in a schema that everybody can use: they record the role that runs
/// them.
const FOREIGN_OBJECTS: &str = "
    create schema __other__;
    create table __other__.ran (what text, by text);
    grant usage on schema __other__ to public;
    grant insert on __other__.ran to public;
    create function __other__.note(what text) returns boolean language plpgsql as $$
        begin insert into __other__.ran values (what, current_user); return true; end $$;
    create domain __other__.int8 as pg_catalog.int8 check (__other__.note('int8'));
    create domain __other__.bool as pg_catalog.bool check (__other__.note('bool'));
    create domain __other__.text as pg_catalog.text check (__other__.note('text'));
    create domain __other__.uuid as pg_catalog.uuid check (__other__.note('uuid'));
    create domain __other__.json as pg_catalog.json check (__other__.note('json'));
    create domain __other__.regclass as pg_catalog.regclass check (__other__.note('regclass'));
    create domain __other__.timestamptz as pg_catalog.timestamptz check (__other__.note('timestamptz'));
    create function __other__.current_setting(name text) returns text language sql
        as $$ select pg_catalog.current_setting(case when __other__.note('current_setting') then name end) $$;
    create function __other__.set_config(name text, value text, is_local boolean) returns text language sql
        as $$ select value where __other__.note('set_config') $$;
    create function __other__.nextval(name regclass) returns bigint language sql
        as $$ select pg_catalog.nextval(name) where __other__.note('nextval') $$;
    create function __other__.differs(a text, b text) returns boolean language sql
        as $$ select __other__.note('<>') and a operator(pg_catalog.<>) b $$;
    create operator __other__.<> (leftarg = text, rightarg = text, function = __other__.differs);
    create function __other__.plus(a bigint, b integer) returns bigint language sql
        as $$ select a operator(pg_catalog.+) b where __other__.note('+') $$;
    create operator __other__.+ (leftarg = bigint, rightarg = integer, function = __other__.plus)";

/// With every search path at a session's first call of a function, and at a later call.
#[tokio::test]
async fn the_right_to_append_runs_no_foreign_code_as_the_owner() {
    let roles = Roles::create().await;
    let [_, service, _] = roles.installed().await;
    let [owner, service_role, _] = roles.names();
    let other = format!("{}_other", roles.name);
    let mut admin = admin().await;
    let foreign_objects = FOREIGN_OBJECTS.replace("__other__", &other);
    run(&mut admin, &foreign_objects).await.expect("creates");

    let store = PgEventStore::connect(&service).await.expect("connects");
    let schema = format!("\"{}\"", store.schema());
    let helpers = [
        "__schema__.checked_version('account', 'a', 0::smallint, 0, null)::text",
        "__schema__.check_transaction()::text",
        "__schema__.take_fence()::text",
    ];
    let (theirs, ours) = (&*format!("{other}, pg_catalog"), "pg_catalog, pg_temp");
    for (session, paths) in [[theirs, ours], [ours, theirs]].into_iter().enumerate() {
        let mut connection = store.pool().acquire().await.expect("connects");
        for (path, then) in paths.into_iter().zip(["first", "again"]) {
            let set = format!("set search_path = {path}");
            run(&mut connection, &set).await.expect("sets");
            let calls = CALLS.iter().map(|(_, call)| *call);
            for (nth, call) in helpers.into_iter().chain(calls).enumerate() {
                // Each has its own streams: nothing is rolled back, so that the records of the objects stay.
                let call = call
                    .replace("'a'", &format!("'a {session} {then} {nth}'"))
                    .replace("'b'", &format!("'b {session} {then} {nth}'"))
                    .replace("__schema__", &schema);
                let sql = AssertSqlSafe(format!("select {call}"));
                let answer: String = sqlx::query_scalar(sql)
                    .persistent(false)
                    .fetch_one(&mut *connection)
                    .await
                    .unwrap_or_else(|error| panic!("{call}: {error}"));
                // NULL or `b` if busy, a version below 0 or `c` on a conflict.
                let rejected = answer.contains(['N', 'b', 'c', '-']);
                assert!(!rejected, "{call} did not append: {answer}");
            }
        }
        // Forces a new session.
        connection.close().await.expect("closes");
    }

    let ran = format!("select distinct by || ' ran ' || what from {other}.ran");
    let ran: Vec<String> = sqlx::query_scalar(AssertSqlSafe(ran))
        .fetch_all(&mut admin)
        .await
        .expect("reads");
    let by_whom = |role: &str| ran.iter().filter(|ran| ran.starts_with(role)).count();
    assert!(by_whom(&service_role) > 0, "{ran:?}");
    assert_eq!(by_whom(&owner), 0, "{ran:?}");
    run(&mut admin, &format!("drop schema {other} cascade"))
        .await
        .expect("drops");
    roles.drop().await;
}
