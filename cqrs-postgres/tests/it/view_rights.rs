//! A view that is created while a role gets its access: the role gets its rights on the view, whoever is first.

use cqrs_core::ports::Documents;
use cqrs_postgres::{Access, PgEventStore};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::task::JoinHandle;

use crate::rights::{Roles, admin, denied, rejection};

const READ: &str = "select from __schema__.view_diary";

#[tokio::test]
async fn a_role_gets_its_rights_on_a_view_that_is_being_created() {
    let roles = Roles::create().await;
    let [owner, service, late] = roles.before_the_last_grant().await;
    let store = PgEventStore::connect(&owner).await.expect("connects");
    let mut creating = store.pool().begin().await.expect("begins");
    let create = format!("select {}.prepare_view('diary')", store.schema());
    let created = sqlx::query(AssertSqlSafe(create)).execute(&mut *creating);
    created.await.expect("creates");

    let role = roles.last_role();
    let grant =
        tokio::spawn(async move { PgEventStore::grant(&owner, &role, Access::Reader).await });
    until_ended_or_blocked(&mut creating, &grant).await;
    creating.commit().await.expect("commits");
    grant.await.expect("does not panic").expect("grants");

    for role in [service, late] {
        let store = PgEventStore::connect(&role).await.expect("connects");
        assert_eq!(rejection(&store, READ).await, None);
    }
    roles.drop().await;
}

#[tokio::test]
async fn a_view_knows_a_role_that_is_getting_its_access() {
    let roles = Roles::create().await;
    let [owner, service, late] = roles.before_the_last_grant().await;
    let store = PgEventStore::connect(&owner).await.expect("connects");
    let mut granting = store.pool().begin().await.expect("begins");
    let (schema, role) = (store.schema(), roles.last_role());
    let grant = format!("select {schema}.grant_access('{role}', false)");
    let granted = sqlx::query(AssertSqlSafe(grant)).execute(&mut *granting);
    granted.await.expect("grants");

    let creator = PgEventStore::connect(&service).await.expect("connects");
    let create = tokio::spawn(async move { creator.prepare_view("diary").await });
    until_ended_or_blocked(&mut granting, &create).await;
    granting.commit().await.expect("commits");
    create.await.expect("does not panic").expect("creates");

    let reader = PgEventStore::connect(&late).await.expect("connects");
    assert_eq!(rejection(&reader, READ).await, None);
    let change = "delete from __schema__.view_diary";
    assert_eq!(rejection(&reader, change).await, denied());
    roles.drop().await;
}

/// Waits until the task has ended, or until a session waits for a lock of `holder`.
async fn until_ended_or_blocked<T>(holder: &mut PgConnection, task: &JoinHandle<T>) {
    let holder: i32 = sqlx::query_scalar("select pg_backend_pid()")
        .fetch_one(holder)
        .await
        .expect("reads");
    let mut admin = admin().await;
    let blocks =
        "select exists (select from pg_stat_activity where $1 = any(pg_blocking_pids(pid)))";
    loop {
        let blocks: bool = sqlx::query_scalar(blocks)
            .bind(holder)
            .fetch_one(&mut admin)
            .await
            .expect("reads");
        if blocks || task.is_finished() {
            return admin.close().await.expect("closes");
        }
    }
}
