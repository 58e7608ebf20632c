//! A fresh store for each test: a schema of its own in the server that `DATABASE_URL` names.

use cqrs_postgres::{PgConfig, PgEventStore};
use uuid::Uuid;

pub(crate) fn url() -> String {
    std::env::var("DATABASE_URL").expect(
        "these tests need PostgreSQL: run scripts/test, which starts one, or set DATABASE_URL to a server of yours",
    )
}

/// Settings for a schema that nobody else uses.
pub(crate) fn fresh_config() -> PgConfig {
    PgConfig::new(url())
        .schema(format!("test_{}", Uuid::now_v7().simple()))
        .max_connections(20)
}

pub(crate) async fn fresh_store() -> PgEventStore {
    let config = fresh_config();
    PgEventStore::install(&config).await.expect("installs");
    PgEventStore::connect(&config).await.expect("connects")
}
