//! Shared by every part of a store: statements, connections, limits, and a signal after each append.

use std::time::Duration;

use cqrs_core::{
    StoreError,
    model::{LeaseTimes, Limits},
};
use sqlx::{Error, PgConnection};
use tokio::sync::Notify;

use crate::{
    connect::{config::PgConfig, connection::GuardedConnection, hosts::Hosts, pools::Pools},
    error::statement,
    sql::statements::{Statement, Statements},
};

/// Shared by every part of a store.
#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) statements: Statements,
    /// Begins a transaction.
    pub(crate) begin: Statement,
    pub(crate) pools: Pools,
    /// Notifies waiting readers after events were appended and committed.
    pub(crate) appended: Notify,
    /// How long an idempotency key is remembered.
    pub(crate) retention: Duration,
    /// The sizes of events that the store accepts.
    pub(crate) limits: Limits,
    /// For how long a runner keeps its partitions.
    pub(crate) lease_times: LeaseTimes,
    statement_timeout: Duration,
    commit_timeout: Duration,
}

/// How much longer than the server the client waits, so that the server can report that it ended a statement.
const GRACE: Duration = Duration::from_secs(2);

impl Backend {
    pub(crate) fn new(hosts: Hosts, config: &PgConfig, schema: &str) -> Self {
        Self {
            statements: Statements::new(schema),
            begin: Statement::begin(config.idle_timeout()),
            pools: Pools::new(hosts, config),
            appended: Notify::new(),
            retention: config.retention(),
            limits: config.size_limits(),
            lease_times: config.lease_times(),
            statement_timeout: config.statement_limit(),
            commit_timeout: config.commit_limit(),
        }
    }

    /// A connection for a transaction, or for a statement of any length. A failure here has written nothing.
    pub(crate) async fn acquire(&self) -> Result<GuardedConnection, StoreError> {
        self.pools.acquire(self.answer_limit()).await
    }

    /// Sends a statement that only reads, outside a transaction.
    pub(crate) async fn ask<T>(
        &self,
        send: impl AsyncFnOnce(&mut PgConnection) -> Result<T, Error>,
    ) -> Result<T, StoreError> {
        self.acquire().await?.ask(send).await.map_err(statement)
    }

    /// How long the client waits for a statement.
    pub(crate) fn answer_limit(&self) -> Duration {
        self.statement_timeout + GRACE
    }

    /// How long the client waits for a commit.
    pub(crate) fn commit_limit(&self) -> Duration {
        self.commit_timeout
    }

    /// How long the client waits for a statement that commits by itself.
    pub(crate) fn append_limit(&self) -> Duration {
        self.statement_timeout + self.commit_timeout
    }

    /// For how many seconds an idempotency key is remembered.
    pub(crate) fn retention_seconds(&self) -> f64 {
        self.retention.as_secs_f64()
    }
}
