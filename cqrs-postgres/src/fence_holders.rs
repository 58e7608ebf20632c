//! Reports when readers are held back, and by which transaction.
//!
//! A transaction that has appended and does not end holds every reader before its positions: the price of never skipping an
//! event.

use std::{
    fmt,
    time::{Duration, Instant},
};

use cqrs_core::{Position, StoreError, chain};
use sqlx::Row;

use crate::{error::statement, row::unsigned, store::PgEventStore};

/// A transaction that holds readers back.
///
/// ```no_run
/// # async fn explain(store: cqrs_postgres::PgEventStore) -> Result<(), cqrs_core::StoreError> {
/// for holder in store.fence_holders().await? {
///     println!("readers wait for {holder}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FenceHolder {
    /// Readers cannot pass this position while the transaction lasts.
    pub position: Position,
    /// The server's process; `None` for a prepared transaction, which outlives the process that prepared it.
    pub pid: Option<i32>,
    /// The name of a prepared transaction: end it with `COMMIT PREPARED` or `ROLLBACK PREPARED`.
    pub prepared: Option<String>,
    /// How long ago the transaction began, or was prepared. For the process of another role, only a role with
    /// `pg_read_all_stats` sees the age, the state and the query.
    pub age: Option<Duration>,
    /// What the process is doing: `active`, `idle in transaction`.
    pub state: Option<String>,
    /// The application name of the process.
    pub application_name: Option<String>,
    /// Its last statement.
    pub query: Option<String>,
}

impl fmt::Display for FenceHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.prepared, self.pid) {
            (Some(name), _) => write!(f, "prepared transaction {name:?}")?,
            (None, Some(pid)) => write!(f, "process {pid}")?,
            (None, None) => f.write_str("a prepared transaction")?,
        }
        if let Some(application) = &self.application_name {
            write!(f, " of {application:?}")?;
        }
        if let Some(age) = self.age {
            write!(f, ", {:.1} s old", age.as_secs_f64())?;
        }
        if let Some(state) = &self.state {
            write!(f, ", {state}")?;
        }
        match &self.query {
            Some(query) => write!(f, ", last statement: {query}"),
            None => Ok(()),
        }
    }
}

impl PgEventStore {
    /// The transactions that hold the high-water mark back now, the lowest position first. An append in flight is one of them
    /// for the millisecond that it takes.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn fence_holders(&self) -> Result<Vec<FenceHolder>, StoreError> {
        let query = sqlx::query(self.backend().statements.fence_holders.sql());
        let rows = self
            .backend()
            .ask(async |connection| query.fetch_all(connection).await)
            .await?;
        let holder = |row| holder(row).map_err(statement);
        rows.iter().map(holder).collect()
    }

    /// Watches the mark and the last position, and reports a mark that does not move.
    pub(crate) fn watch_mark(&self, mark: Position, drawn: Position) {
        let Some(held) = self.watch().observe(mark, drawn, Instant::now()) else {
            return;
        };
        let store = self.clone();
        tokio::spawn(async move { store.report(mark, held).await });
    }

    async fn report(&self, mark: Position, held: Duration) {
        let (schema, seconds) = (self.schema(), held.as_secs());
        let holder = match self.fence_holders().await {
            Ok(holders) => match holders.first() {
                Some(holder) => holder.to_string(),
                None => return,
            },
            Err(error) => format!("it cannot be looked up ({})", chain(&error)),
        };
        tracing::warn!(schema, %mark, seconds, "an open transaction holds readers back: {holder}");
    }
}

fn holder(row: &sqlx::postgres::PgRow) -> Result<FenceHolder, sqlx::Error> {
    let age: Option<f64> = row.try_get(3)?;
    Ok(FenceHolder {
        position: Position::new(unsigned(row.try_get(0)?)),
        pid: row.try_get(1)?,
        prepared: row.try_get(2)?,
        age: age.map(|age| Duration::try_from_secs_f64(age).unwrap_or_default()),
        state: row.try_get(4)?,
        application_name: row.try_get(5)?,
        query: row.try_get(6)?,
    })
}
