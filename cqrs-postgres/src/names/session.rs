//! The session that holds names.

use std::time::{Duration, SystemTime};

use cqrs_core::{StoreError, ports::Holder};
use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;

use super::Name;
use crate::{
    connect::backend::Backend, error::statement, schema, sql::statements::INTRODUCE,
    time_limit::within,
};

/// Which session holds a name, whether it is this one, and whose it is.
pub(super) struct Found {
    pub(super) held: bool,
    pub(super) pid: Option<i32>,
    pub(super) holder: Holder,
}

type Row = (
    bool,
    Option<i32>,
    Option<String>,
    Option<String>,
    Option<OffsetDateTime>,
);

/// A session that is used by the keeper alone.
pub(super) struct Session {
    connection: PgConnection,
    /// How long an answer may take.
    limit: Duration,
}

impl Session {
    /// Connects, and has other sessions see which process this is.
    pub(super) async fn open(backend: &Backend) -> Result<Self, StoreError> {
        let mut connection = backend.pools.connect_for_names().await?;
        let limit = backend.pools.lease() / 2;
        let introduced = sqlx::query(INTRODUCE).bind(this_process());
        within(limit, introduced.execute(&mut connection))
            .await
            .map_err(statement)?;
        Ok(Self { connection, limit })
    }

    /// Holds a name unless another session does.
    pub(super) async fn hold(
        &mut self,
        backend: &Backend,
        (kind, name): &Name,
    ) -> Result<Found, sqlx::Error> {
        let query = sqlx::query_as(backend.statements.hold_name.sql())
            .bind(kind.to_string())
            .bind(name);
        let (held, pid, process, address, since): Row =
            within(self.limit, query.fetch_one(&mut self.connection)).await?;
        let mut holder = Holder::new(process.unwrap_or_else(|| "another process".to_owned()));
        holder.address = address;
        holder.since = since.map(SystemTime::from);
        Ok(Found { held, pid, holder })
    }

    pub(super) async fn release(
        &mut self,
        backend: &Backend,
        (kind, name): &Name,
    ) -> Result<(), sqlx::Error> {
        let query = sqlx::query(backend.statements.release_name.sql())
            .bind(kind.to_string())
            .bind(name);
        within(self.limit, query.execute(&mut self.connection)).await?;
        Ok(())
    }

    /// Renews the lease.
    pub(super) async fn ping(&mut self) -> Result<(), sqlx::Error> {
        within(self.limit, self.connection.ping()).await
    }

    pub(super) async fn close(self) {
        let _ = tokio::time::timeout(self.limit, schema::close(self.connection)).await;
    }
}

/// This process, as others see it. The server keeps 63 bytes of it.
fn this_process() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::env::var("HOSTNAME"))
        .unwrap_or_default();
    match host.trim() {
        "" => format!("process {}", std::process::id()),
        host => format!("process {} on {host}", std::process::id()),
    }
}
