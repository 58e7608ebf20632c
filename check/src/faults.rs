//! Faults and diagnostics that only a concrete store has.

mod postgres;

use async_trait::async_trait;
use cqrs_core::StoreError;
use serde::Serialize;

pub(crate) use self::postgres::APPLICATION_NAME;
pub use self::postgres::{PgFaultPlan, PgFaults};
use crate::{error::CheckError, run_state::RunState, stored::StoredEvents};

/// The faults that were injected so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct FaultCounts {
    /// Connections that were ended.
    pub killed: u64,
    /// Guards of streams that were held for a while.
    pub guards_held: u64,
    /// Transactions with an id that stayed open for seconds.
    pub old_transactions: u64,
    /// Crashes of the server.
    pub crashes: u64,
}

/// Something that keeps readers from advancing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocker {
    /// Identifies it: a session, or the server.
    pub id: String,
    /// A description for the report.
    pub description: String,
}

impl Blocker {
    /// The store does not respond.
    #[must_use]
    pub fn silent_store(reason: impl std::fmt::Display) -> Self {
        Self {
            id: "the store".to_owned(),
            description: format!("the store does not respond ({reason})"),
        }
    }
}

/// Injects faults into one kind of store, whose transaction is `T`, while writers use its port.
///
/// Each method has a default that does nothing. With the defaults the checker only writes and reads.
#[async_trait]
pub trait FaultInjector<T: Send>: Send + Sync + 'static {
    /// Names the store, for the report.
    fn describe(&self) -> String;

    /// Injects faults until the writers must stop.
    ///
    /// # Errors
    /// When a fault cannot be injected, because the run would prove less than it should.
    async fn inject(&self, state: &RunState) -> Result<(), CheckError> {
        state.stopped().await;
        Ok(())
    }

    /// The faults that were injected so far.
    fn counts(&self) -> FaultCounts {
        FaultCounts::default()
    }

    /// Makes the store number the transaction long before the append: PostgreSQL gives it a transaction id.
    async fn begin_early(&self, _: &mut T) -> Result<(), StoreError> {
        Ok(())
    }

    /// Sets a savepoint for [`undo`](Self::undo). Returns false if the store has no savepoints.
    async fn savepoint(&self, _: &mut T) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Rolls back to the last [`savepoint`](Self::savepoint). Nobody may see what was appended after it.
    async fn undo(&self, _: &mut T) -> Result<(), StoreError> {
        Ok(())
    }

    /// Prepares the transaction under this name, for [`end_prepared`](Self::end_prepared). Returns it if the store has no
    /// prepared transactions.
    async fn prepare(&self, transaction: T, _: &str) -> Result<Option<T>, StoreError>
    where
        T: 'async_trait,
    {
        Ok(Some(transaction))
    }

    /// Commits or rolls back the transaction that was prepared under this name, and returns when that is certain. A
    /// transaction that does not exist any more was ended by an earlier attempt.
    async fn end_prepared(&self, _: &str, _: PreparedEnd) -> Result<(), StoreError> {
        Ok(())
    }

    /// The blocker of readers at this position, if the store knows one.
    async fn blocker(&self, _: u64) -> Option<Blocker> {
        None
    }

    /// Waits until no append is running any more, including those whose caller has given up.
    ///
    /// # Errors
    /// When an append does not end.
    async fn settle(&self) -> Result<(), CheckError> {
        Ok(())
    }

    /// Reads the events of the store by other means than the port. After `None` every stream is read through the port.
    ///
    /// # Errors
    /// When the events cannot be read.
    async fn stored_events(&self, _: &RunState) -> Result<Option<StoredEvents>, CheckError> {
        Ok(None)
    }
}

/// How a prepared transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreparedEnd {
    /// It is committed.
    Commit,
    /// It is rolled back.
    Rollback,
}

/// Injects nothing: for any store. Holds the name of the store.
#[derive(Debug, Clone)]
pub struct NoFaults(pub String);

#[async_trait]
impl<T: Send> FaultInjector<T> for NoFaults {
    fn describe(&self) -> String {
        self.0.clone()
    }
}
