//! What all tasks of a run share.

use std::str::FromStr as _;

use cqrs_core::StoreError;
use cqrs_postgres::{PgEventStore, store_error};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};

use super::{counts::Counters, plan::RunnerPlan, tables::Tables};
use crate::{error::CheckError, faults::APPLICATION_NAME, run_state::RunState};

/// What all tasks of a run share.
pub(super) struct Attack {
    pub(super) plan: RunnerPlan,
    pub(super) url: String,
    pub(super) store: PgEventStore,
    pub(super) tables: Tables,
    pub(super) state: RunState,
    pub(super) counters: Counters,
}

impl Attack {
    /// A connection that only a crash of the server ends.
    pub(super) async fn connection(&self) -> Result<PgConnection, StoreError> {
        let options = PgConnectOptions::from_str(&self.url).map_err(store_error)?;
        let options = options.application_name(APPLICATION_NAME);
        let connection = PgConnection::connect_with(&options).await;
        connection.map_err(store_error)
    }

    /// Ends the attack after an error.
    pub(super) fn or_stop<T>(&self, result: Result<T, CheckError>) -> Result<T, CheckError> {
        if result.is_err() {
            self.state.stop();
        }
        result
    }
}
