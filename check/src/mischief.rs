//! What only a concrete store can suffer, and tell.

mod postgres;

use async_trait::async_trait;
use cqrs_core::StoreError;
use serde::Serialize;

pub use self::postgres::{PgMischief, PgMischiefPlan};
use crate::{error::CheckError, scene::Scene, truth::Truth};

/// What was done to the store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// Connections that the server was told to end.
    pub killed: u64,
    /// Guards of streams that were held for a while.
    pub guards_held: u64,
    /// Transactions with an id, that did nothing for long.
    pub old_transactions: u64,
    /// Crashes of the server.
    pub crashes: u64,
}

/// What keeps readers from going on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hindrance {
    /// Tells it from others: a session, the server.
    pub who: String,
    /// All that is known of it.
    pub told: String,
}

impl Hindrance {
    /// The store does not answer.
    #[must_use]
    pub fn silence(why: impl std::fmt::Display) -> Self {
        Self {
            who: "the store".to_owned(),
            told: format!("the store does not answer ({why})"),
        }
    }
}

/// How to hurt a kind of store, whose transaction is `T`, beside what every writer can do through the port. Each method has a default that does
/// nothing: then the store is only written to and read.
#[async_trait]
pub trait Mischief<T: Send>: Send + Sync + 'static {
    /// What is checked, for the report.
    fn describe(&self) -> String;

    /// Does damage until the scene stops.
    ///
    /// # Errors
    /// When it cannot, and the run would prove less than was asked for.
    async fn make(&self, scene: &Scene) -> Result<(), CheckError> {
        scene.stopped().await;
        Ok(())
    }

    /// What was done so far.
    fn damage(&self) -> Damage {
        Damage::default()
    }

    /// Takes what orders transactions by their beginning, long before the append.
    async fn begin_early(&self, _: &mut T) -> Result<(), StoreError> {
        Ok(())
    }

    /// Remembers a point to which [`undo`](Self::undo) goes back. False: the store has no such thing.
    async fn savepoint(&self, _: &mut T) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Goes back to the last [`savepoint`](Self::savepoint): what was appended since will never be seen.
    async fn undo(&self, _: &mut T) -> Result<(), StoreError> {
        Ok(())
    }

    /// Lays the transaction aside under this name, to be ended by [`end_prepared`](Self::end_prepared). Gives it back if the
    /// store has no such thing.
    async fn prepare(&self, transaction: T, _: &str) -> Result<Option<T>, StoreError>
    where
        T: 'async_trait,
    {
        Ok(Some(transaction))
    }

    /// Commits or rolls back what was laid aside under this name. Answers when that is certain; also if there is no such
    /// thing any more.
    async fn end_prepared(&self, _: &str, _: bool) -> Result<(), StoreError> {
        Ok(())
    }

    /// Who keeps readers that stand at this position from going on, as far as the store can tell.
    async fn who_is_in_the_way(&self, _: u64) -> Option<Hindrance> {
        None
    }

    /// Returns when no append is under way any more, whoever has given up waiting for it.
    ///
    /// # Errors
    /// When one does not end.
    async fn settle(&self) -> Result<(), CheckError> {
        Ok(())
    }

    /// What the store holds, read by other means than the port. `None`: there are none, so every stream is read.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn truth(&self, _: &Scene) -> Result<Option<Truth>, CheckError> {
        Ok(None)
    }
}

/// Does nothing: for a store of which nothing but the port is known.
#[derive(Debug, Clone)]
pub struct Calm(pub String);

#[async_trait]
impl<T: Send> Mischief<T> for Calm {
    fn describe(&self) -> String {
        self.0.clone()
    }
}
