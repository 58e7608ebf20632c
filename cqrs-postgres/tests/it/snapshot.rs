//! The installed schema equals the snapshot `migrations/snapshots/0.1.0.sql`.
//!
//! After a change of the schema, update the snapshot and check the difference:
//! `CQRS_UPDATE_SNAPSHOT=1 cargo test -p cqrs-postgres --test it snapshot`.

use std::{env, fs, path::Path};

use cqrs_postgres::PgEventStore;

use crate::rights::Roles;

/// Every object of the store's schema, as SQL.
pub(crate) async fn catalogue(store: &PgEventStore) -> String {
    let objects: Vec<String> = sqlx::query_scalar(include_str!("snapshot/catalogue.sql"))
        .bind(store.schema())
        .fetch_all(store.pool())
        .await
        .expect("reads");
    objects.join("\n\n") + "\n"
}

#[tokio::test]
async fn the_installed_schema_equals_the_snapshot() {
    let file = format!("migrations/snapshots/{}.sql", env!("CARGO_PKG_VERSION"));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let roles = Roles::create().await;
    let [owner, ..] = roles.installed().await;
    let store = PgEventStore::connect(&owner).await.expect("connects");
    let head = "-- The schema as it is installed and granted, written by tests/it/snapshot.rs. Do not edit.\n\n";
    let installed = head.to_owned() + &catalogue(&store).await.replace(store.schema(), "cqrs");
    store.close().await;
    roles.drop().await;
    if env::var_os("CQRS_UPDATE_SNAPSHOT").is_some() {
        fs::write(&file, &installed).expect("writes");
    }
    let snapshot = fs::read_to_string(&file).unwrap_or_default();
    let differs = snapshot
        .lines()
        .zip(installed.lines())
        .find(|(a, b)| a != b);
    assert!(
        snapshot == installed,
        "{} differs from what is installed, first in {differs:?}; if that is intended, update it with \
         CQRS_UPDATE_SNAPSHOT=1",
        file.display()
    );
}
