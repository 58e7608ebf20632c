//! One connection for heartbeats, outside of every pool: transactions that wait for each other cannot stop it.

use std::{sync::Arc, time::Duration};

use cqrs_core::{StoreError, StoreErrorKind};
use sqlx::{Error, PgConnection};
use tokio::sync::Mutex;

use crate::{
    connect::{backend::Backend, connection::is_lost},
    error::{is_read_only, statement},
    schema,
    time_limit::within,
};

/// The connection; `None` while nobody needs it.
#[derive(Debug)]
pub(crate) struct OwnSession {
    backend: Arc<Backend>,
    connection: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Closed,
    Idle(Box<PgConnection>),
    /// The store was closed.
    Ended,
}

impl OwnSession {
    pub(crate) fn new(backend: Arc<Backend>) -> Self {
        Self {
            backend,
            connection: Mutex::new(State::Closed),
        }
    }

    /// Sends a statement. An answer that does not come within half of a lease is an error, and the connection is closed. So it is if the
    /// caller stops waiting.
    pub(crate) async fn ask<T>(
        &self,
        send: impl AsyncFnOnce(&mut PgConnection) -> Result<T, Error>,
    ) -> Result<Result<T, Error>, StoreError> {
        let limit = self.limit();
        let mut state = self.connection.lock().await;
        let mut connection = match std::mem::replace(&mut *state, State::Closed) {
            State::Idle(connection) => connection,
            State::Closed => {
                let connecting = self.backend.pools.connect_for_leases();
                let connected = tokio::time::timeout(limit, connecting).await;
                let silent = |_| {
                    let message = "no connection for heartbeats within half of a lease";
                    StoreError::new(StoreErrorKind::Unavailable, message)
                };
                Box::new(connected.map_err(silent)??)
            }
            State::Ended => {
                *state = State::Ended;
                return Err(statement(Error::PoolClosed));
            }
        };
        let answer = within(limit, send(&mut connection)).await;
        let keeps = answer
            .as_ref()
            .err()
            .is_none_or(|error| !is_lost(error) && !is_read_only(error));
        if keeps {
            *state = State::Idle(connection);
        }
        Ok(answer)
    }

    /// Closes the connection for good.
    pub(crate) async fn close(&self) {
        let mut state = self.connection.lock().await;
        if let State::Idle(connection) = std::mem::replace(&mut *state, State::Ended) {
            let closing = schema::close(*connection);
            let _ = tokio::time::timeout(self.limit(), closing).await;
        }
    }

    fn limit(&self) -> Duration {
        self.backend.lease_times.lease / 2
    }
}
