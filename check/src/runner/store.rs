//! The store, with leases that are short enough for a check.

use std::time::Duration;

use cqrs_core::StoreError;
use cqrs_postgres::{PgConfig, PgEventStore};

/// The lease of each process.
pub(super) const LEASE: Duration = Duration::from_secs(2);
const SETTLE: Duration = Duration::from_millis(500);
/// The server ends a transaction that is idle for longer: that of a process that is stopped in a batch. Shorter than the lease.
const IDLE_TIMEOUT: Duration = Duration::from_secs(1);
const CONNECTIONS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn connect(url: &str, schema: &str) -> Result<PgEventStore, StoreError> {
    let config = PgConfig::new(url)
        .schema(schema)
        .max_connections(CONNECTIONS)
        .idle_in_transaction_timeout(IDLE_TIMEOUT)
        .lease(LEASE)
        .settle(SETTLE);
    loop {
        match PgEventStore::connect(&config).await {
            Err(error) if error.is_retryable() => tokio::time::sleep(PAUSE).await,
            answer => return answer,
        }
    }
}
