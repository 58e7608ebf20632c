//! The table of SECURITY.md: what each role can do, tried with a session of that role.

use std::time::SystemTime;

use cqrs_core::{
    EventId, EventStore, Position, RecordedEvent, StoreErrorKind, StreamId, Version,
    model::{Category, Member},
    ports::{AppendError, Control, Documents, Import, ImportError, Leases, Partitions},
};
use cqrs_postgres::{Access, PgConfig, PgEventStore};

use crate::{
    functions::{CALLS, assert_fence_is_shown, assert_no_gap, assert_slices_are_kept},
    rights::{Roles, denied, rejection},
    support::{append, number, run, stream},
};

/// A store with a session of each role: owner, service, reader.
async fn stores(roles: &Roles) -> ([PgConfig; 3], [PgEventStore; 3]) {
    let configs = roles.installed().await;
    let [owner, service, reader] = configs.each_ref().map(PgEventStore::connect);
    let stores = [owner.await, service.await, reader.await];
    (configs, stores.map(|store| store.expect("connects")))
}

fn ok() -> Option<String> {
    None
}

fn code(code: &str) -> Option<String> {
    Some(code.to_owned())
}

/// An event at any place, as only the owner can write it.
const BY_HAND: &str = "insert into __schema__.events (position, category, aggregate_id, version, slice, event_id, event_type, \
                       schema_version, payload) values ({position}, 'account', 'by hand', {version}, {slice}, \
                       gen_random_uuid(), 'c', 1, '1')";

fn by_hand(position: &str, version: &str, slice: &str) -> String {
    BY_HAND
        .replace("{position}", position)
        .replace("{version}", version)
        .replace("{slice}", slice)
}

#[tokio::test]
async fn only_owner_and_services_append() {
    let roles = Roles::create().await;
    let (_, [owner, service, reader]) = stores(&roles).await;
    owner.append(append("a", 1)).await.expect("appends");
    service.append(append("a", 1)).await.expect("appends");
    let rejected = reader.append(append("a", 1)).await.expect_err("rejected");
    assert!(
        matches!(&rejected, AppendError::Store(e) if e.kind() == StoreErrorKind::Misconfigured),
        "{rejected:?}"
    );
    for (name, call) in CALLS {
        let call = format!("select {}", call.replace("'a'", &format!("'{name}'")));
        for store in [&owner, &service] {
            assert_eq!(rejection(store, &call).await, ok(), "{name}");
        }
        assert_eq!(rejection(&reader, &call).await, denied(), "{name}");
    }
    roles.drop().await;
}

#[tokio::test]
async fn no_service_reorders_or_leaves_a_gap() {
    let roles = Roles::create().await;
    let (_, [owner, service, reader]) = stores(&roles).await;
    assert_no_gap(&service).await;
    for change in [
        &*by_hand("1", "1", "0"),
        &by_hand("nextval('__schema__.position')", "7", "0"),
        "update __schema__.events set version = version + 1",
        "select nextval('__schema__.position')",
        "select setval('__schema__.position', 1)",
        "alter sequence __schema__.position restart",
        "alter sequence __schema__.position cache 20",
    ] {
        assert_eq!(rejection(&service, change).await, denied(), "{change}");
        assert_eq!(rejection(&reader, change).await, denied(), "{change}");
    }
    let gap = by_hand("nextval('__schema__.position')", "7", "0");
    assert_eq!(rejection(&owner, &gap).await, ok());
    let late = by_hand("-1", "8", "0");
    assert_eq!(rejection(&owner, &late).await, ok());
    roles.drop().await;
}

#[tokio::test]
async fn no_service_hides_an_event_from_readers() {
    let roles = Roles::create().await;
    let (_, [owner, service, reader]) = stores(&roles).await;
    assert_fence_is_shown(&service).await;
    assert_slices_are_kept(&service).await;
    let hidden = by_hand("nextval('__schema__.position')", "1", "30000");
    assert_eq!(rejection(&service, &hidden).await, denied());
    assert_eq!(rejection(&reader, &hidden).await, denied());
    assert_eq!(rejection(&owner, &hidden).await, ok());
    roles.drop().await;
}

#[tokio::test]
async fn every_role_can_hold_readers_back_and_is_named() {
    let roles = Roles::create().await;
    let (_, stores) = stores(&roles).await;
    let [owner, ..] = &stores;
    owner.append(append("a", 2)).await.expect("appends");
    for store in &stores {
        let mut connection = store.pool().acquire().await.expect("connects");
        let tag = number(store, "select __schema__.fence_tag()").await;
        let lock = "select pg_advisory_lock_shared(($1 << 48) | 1)";
        let locked = sqlx::query(lock).bind(tag).execute(&mut *connection).await;
        locked.expect("locks");
        let pid: i32 = sqlx::query_scalar("select pg_backend_pid()")
            .fetch_one(&mut *connection)
            .await
            .expect("reads");
        let mark = number(store, "select mark from __schema__.log_head()").await;
        assert_eq!(mark, 1);
        let holders = owner.fence_holders().await.expect("reads");
        assert_eq!(holders.len(), 1, "{holders:?}");
        assert_eq!(holders[0].pid, Some(pid), "{holders:?}");
        drop(connection.detach());
        crate::support::until("the lock is free", async || {
            owner.fence_holders().await.expect("reads").is_empty()
        })
        .await;
    }
    roles.drop().await;
}

#[tokio::test]
async fn only_the_owner_removes_events_and_never_by_mistake() {
    let roles = Roles::create().await;
    let (_, [owner, service, reader]) = stores(&roles).await;
    owner.append(append("a", 2)).await.expect("appends");
    let off = "alter table __schema__.events disable trigger events_never_change";
    for change in [
        "update __schema__.events set payload = '2'",
        "delete from __schema__.events",
        "truncate __schema__.events",
        "truncate __schema__.inbox, __schema__.events cascade",
        off,
        "drop trigger events_never_change on __schema__.events",
        "drop table __schema__.events",
        "set session_replication_role = replica",
    ] {
        assert_eq!(rejection(&service, change).await, denied(), "{change}");
        assert_eq!(rejection(&reader, change).await, denied(), "{change}");
        let is_protected = ["update", "delete", "truncate"]
            .iter()
            .any(|verb| change.starts_with(verb));
        if is_protected {
            assert_eq!(rejection(&owner, change).await, code("CQ004"), "{change}");
        }
    }
    let replica = "set session_replication_role = replica";
    assert_eq!(rejection(&owner, replica).await, denied());
    let events = "select count(*) from __schema__.events";
    assert_eq!(number(&owner, events).await, 2);
    run(&owner, &format!("{off}; truncate __schema__.events")).await;
    assert_eq!(number(&owner, events).await, 0);
    roles.drop().await;
}

#[tokio::test]
async fn only_the_owner_erases_a_stream() {
    let roles = Roles::create().await;
    let (_, [owner, service, reader]) = stores(&roles).await;
    owner.append(append("a", 2)).await.expect("appends");
    for store in [&service, &reader] {
        let error = store.erase_stream(&stream("a"), "why").await;
        let error = error.expect_err("rejected");
        assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{error}");
        assert!(error.to_string().contains("owner"), "{error}");
        for change in [
            "insert into __schema__.erased (position, event_id) values (1, gen_random_uuid())",
            "delete from __schema__.erased",
            "select set_config('cqrs.erases', pg_current_xact_id()::text, true); delete from __schema__.events",
        ] {
            assert_eq!(rejection(store, change).await, denied(), "{change}");
        }
    }
    let erased = owner.erase_stream(&stream("a"), "why").await;
    assert_eq!(erased.expect("erases"), 2);
    // The trigger lets only that transaction delete.
    owner.append(append("a", 1)).await.expect("appends");
    let delete = "delete from __schema__.events";
    assert_eq!(rejection(&owner, delete).await, code("CQ004"));
    roles.drop().await;
}

#[tokio::test]
async fn no_role_of_a_store_reads_another_store() {
    let (ours, theirs) = (Roles::create().await, Roles::create().await);
    let (configs, stores) = stores(&ours).await;
    let other = theirs.installed().await;
    let other = PgEventStore::connect(&other[0]).await.expect("connects");
    other.append(append("a", 1)).await.expect("appends");
    for (config, store) in configs.iter().zip(&stores) {
        for data in ["events", "idempotency", "snapshots", "checkpoints", "inbox"] {
            let read = format!("select * from \"{}\".{data}", other.schema());
            assert_eq!(rejection(store, &read).await, denied(), "{data}");
        }
        let mark = format!("select \"{}\".log_head()", other.schema());
        assert_eq!(rejection(store, &mark).await, denied());
        let elsewhere = config.clone().schema(other.schema());
        let error = PgEventStore::connect(&elsewhere).await;
        let error = error.expect_err("rejected");
        assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{error}");
    }
    ours.drop().await;
    theirs.drop().await;
}

#[tokio::test]
async fn only_the_owner_grants_access() {
    let (roles, strangers) = (Roles::create().await, Roles::create().await);
    let ([owner, service, reader], [owners, services, readers]) = stores(&roles).await;
    let [stranger, ..] = strangers.names();
    let everybody = "select __schema__.grant_access('public', true)";
    for store in [&services, &readers] {
        assert_eq!(rejection(store, everybody).await, denied());
    }
    assert_eq!(rejection(&owners, everybody).await, code("CQ007"));
    for config in [&service, &reader] {
        let granted = PgEventStore::grant(config, &stranger, Access::Reader).await;
        let error = granted.expect_err("rejected");
        assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{error}");
    }
    // PostgreSQL only warns a role that has the right without its grant option.
    let by_hand = format!("grant select on __schema__.events to {stranger}");
    for store in [&services, &readers] {
        drop(rejection(store, &by_hand).await);
        let has = format!(
            "select has_table_privilege('{stranger}', '__schema__.events', 'select')::integer::bigint"
        );
        assert_eq!(number(store, &has).await, 0);
    }
    let granted = PgEventStore::grant(&owner, &stranger, Access::Reader).await;
    granted.expect("grants");
    roles.drop().await;
    strangers.drop().await;
}

#[tokio::test]
async fn only_the_owner_imports() {
    let roles = Roles::create().await;
    let (_, [owner, service, reader]) = stores(&roles).await;
    let stream = StreamId::new(Category::new("account").expect("valid"), "old").expect("valid");
    let event = RecordedEvent::new(
        EventId::random(),
        stream,
        Version::new(1),
        Position::START,
        "Opened",
        "{}",
        SystemTime::UNIX_EPOCH,
    );
    for store in [&service, &reader] {
        let error = store.import(std::slice::from_ref(&event)).await;
        let error = error.expect_err("rejected");
        assert!(
            matches!(&error, ImportError::Store(e) if e.kind() == StoreErrorKind::Misconfigured),
            "{error:?}"
        );
    }
    owner.import(&[event]).await.expect("imports");
    roles.drop().await;
}

#[tokio::test]
async fn nobody_forges_what_people_did() {
    let roles = Roles::create().await;
    let (_, [owner, service, reader]) = stores(&roles).await;
    service.identity().await.expect("has an id");
    let forged = [
        "insert into __schema__.operations (who, at, verb, outcome) values ('ann', '2001-01-01', 'rewind', 'done')",
        "insert into __schema__.operations (verb) values ('rewind')",
        "insert into __schema__.discarded (subscription, category, aggregate_id, version, position, event_id, reason, \
         discarded_at) values ('s', 'account', 'a', 1, 1, gen_random_uuid(), 'why', '2001-01-01')",
        "insert into __schema__.log_ids (\"after\") values (7)",
    ];
    let changed = [
        "update __schema__.operations set who = 'ann'",
        "update __schema__.operations set at = '2001-01-01', outcome = 'done'",
        "update __schema__.discarded set reason = 'other'",
        "update __schema__.log_ids set \"after\" = 7",
        "delete from __schema__.operations",
        "delete from __schema__.discarded",
        "delete from __schema__.log_ids where \"after\" = 7",
        "truncate __schema__.operations",
        "truncate __schema__.discarded",
    ];
    for change in forged.into_iter().chain(changed) {
        assert_eq!(rejection(&service, change).await, denied(), "{change}");
        assert_eq!(rejection(&reader, change).await, denied(), "{change}");
        assert_eq!(rejection(&owner, change).await, ok(), "{change}");
    }
    let record = "select __schema__.record_operation('rewind', '{}', 'why')";
    assert_eq!(rejection(&reader, record).await, denied());
    let unstated = "select __schema__.record_operation('rewind', '{}', ' ')";
    assert_eq!(rejection(&service, unstated).await, code("23514"));
    // The path of the session changes neither user nor time.
    let [_, service_role, _] = roles.names();
    let foreign =
        "create temporary table operations (verb text); set search_path = pg_temp, public";
    let mut connection = service.pool().acquire().await.expect("connects");
    for sql in [foreign, record] {
        let sql = sql.replace("__schema__", &format!("\"{}\"", service.schema()));
        let ran = sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut *connection);
        ran.await.expect("runs");
    }
    connection.close().await.expect("closes");
    let truth = format!(
        "select count(*) from __schema__.operations where who = '{service_role}' and verb = 'rewind' and outcome is null
         and at between clock_timestamp() - interval '1 hour' and clock_timestamp()"
    );
    assert_eq!(number(&owner, &truth).await, 1);
    roles.drop().await;
}

#[tokio::test]
async fn every_role_reads_documents_and_what_people_did() {
    let roles = Roles::create().await;
    let strangers = Roles::create().await;
    let (_, stores) = stores(&roles).await;
    stores[1].prepare_view("balances").await.expect("prepares");
    let outside = strangers.installed().await;
    let outside = PgEventStore::connect(&outside[0]).await.expect("connects");
    for table in [
        "view_balances",
        "discarded",
        "log_ids",
        "operations",
        "parked",
        "waiting",
    ] {
        let read = format!("select * from \"{}\".{table}", stores[0].schema());
        for store in &stores {
            assert_eq!(rejection(store, &read).await, ok(), "{table}");
        }
        assert_eq!(rejection(&outside, &read).await, denied(), "{table}");
    }
    roles.drop().await;
    strangers.drop().await;
}

/// A relay may run as a reader; its remedies are for a role that the store records.
#[tokio::test]
async fn a_reader_is_told_which_role_changes_things_by_hand() {
    let roles = Roles::create().await;
    let (_, [owner, service, reader]) = stores(&roles).await;
    let recorded = reader.record_operation("recover", &[], "why").await;
    let renewed = reader.renew_id(Position::START, "why").await.map(drop);
    for rejected in [recorded, renewed] {
        let error = rejected.expect_err("rejected");
        assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{error}");
        assert!(error.to_string().contains("Access::Service"), "{error}");
    }
    for store in [&service, &owner] {
        let recorded = store.record_operation("recover", &[], "why").await;
        recorded.expect("records");
        store
            .renew_id(Position::START, "why")
            .await
            .expect("renews");
    }
    roles.drop().await;
}

/// A service could as well claim the partitions: its role may do anything to its own subscriptions.
#[tokio::test]
async fn every_role_runs_a_relay_and_readers_take_no_partition() {
    let roles = Roles::create().await;
    let (_, [owner, service, reader]) = stores(&roles).await;
    service.subscribe("orders", 2).await.expect("subscribes");
    for store in [&reader, &service, &owner] {
        let member = Member::this_process(store.lease_times());
        let lease = store.hold_relay("orders", &member).await;
        assert!(lease.expect("may").held);
        for other in [&reader, &service, &owner] {
            let second = Member::this_process(other.lease_times());
            let lease = other.hold_relay("orders", &second).await.expect("may");
            let told = (lease.held, lease.owner);
            assert_eq!(told, (false, Some(member.name.clone())));
            other.leave_relay("orders", second.id).await.expect("may");
        }
        store.leave_relay("orders", member.id).await.expect("may");
    }
    let member = Member::this_process(reader.lease_times());
    for store in [&service, &owner] {
        let beat = store.heartbeat("orders", &member, &[]).await;
        assert_eq!(beat.expect("may").leased.len(), 2);
        let made = store.repartition("orders", 2, "a test").await;
        assert_eq!(made.expect("may"), 2);
    }
    let refused = reader.heartbeat("orders", &member, &[]).await;
    let refused = refused.expect_err("may not");
    assert_eq!(refused.kind(), StoreErrorKind::Misconfigured, "{refused}");
    let refused = reader.repartition("orders", 4, "a test").await;
    assert!(refused.is_err());
    for table in ["subscriptions", "members", "leases"] {
        let read = format!("select from __schema__.{table}");
        let delete = format!("delete from __schema__.{table}");
        for store in [&owner, &service, &reader] {
            assert_eq!(rejection(store, &read).await, ok(), "{table}");
        }
        assert_eq!(rejection(&reader, &delete).await, denied(), "{table}");
        for store in [&service, &owner] {
            assert_eq!(rejection(store, &delete).await, ok(), "{table}");
        }
    }
    roles.drop().await;
}

/// Which tables a role may write by hand, and which functions it may call, asked of the server: nothing is missing from the table.
#[tokio::test]
async fn a_service_writes_what_belongs_to_its_subscriptions_by_hand() {
    let roles = Roles::create().await;
    let (_, [_, service, reader]) = stores(&roles).await;
    service.prepare_view("balances").await.expect("prepares");
    let others = |named: &str| {
        format!(
            "select count(*) from pg_class where relnamespace = '__schema__'::regnamespace and relkind = 'r' \
             and has_table_privilege(oid, 'insert, update, delete, truncate') <> (relname = any('{{{named}}}'))"
        )
    };
    let written = "checkpoints, inbox, leases, members, parked, snapshots, subscriptions, view_balances, waiting";
    assert_eq!(number(&service, &others(written)).await, 0);
    assert_eq!(number(&reader, &others("")).await, 0);

    let others = |named: &str| {
        format!(
            "select count(*) from __schema__.own_functions() f join pg_proc p on p.oid = f \
             where has_function_privilege(f, 'execute') = (p.proname = any('{{{named}}}'))"
        )
    };
    let denied = "erase_stream, grant_access, import_events";
    assert_eq!(number(&service, &others(denied)).await, 0);
    for table in [
        "checkpoints",
        "inbox",
        "parked",
        "snapshots",
        "waiting",
        "view_balances",
    ] {
        let delete = format!("delete from __schema__.{table}");
        assert_eq!(rejection(&service, &delete).await, ok(), "{table}");
        assert_eq!(rejection(&reader, &delete).await, self::denied(), "{table}");
    }
    let forget = "select __schema__.forget_keys(interval '1 day', 10)";
    assert_eq!(rejection(&service, forget).await, ok());
    assert_eq!(rejection(&reader, forget).await, self::denied());
    roles.drop().await;
}
