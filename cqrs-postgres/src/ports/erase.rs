//! Erases a stream on purpose.

use cqrs_core::{StoreError, StoreErrorKind, StreamId, ports::check_reason};

use crate::{
    error::{commit, is_missing_right},
    row::unsigned,
    store::PgEventStore,
};

impl PgEventStore {
    /// Erases a stream, for good: its events and its snapshot. Returns the number of its events. The table `operations` gets a
    /// row with the reason.
    ///
    /// The store keeps the positions and ids of the events, without their content. So subscriptions and relays that stopped at
    /// one of them continue, and those of a log that has lost commits still stop. What views, projections and topics have made of
    /// the events stays: [erase a stream](https://docs.rs/cqrs-core/latest/cqrs_core/guide/run_on_your_servers) shows the steps.
    ///
    /// Services may run. A command on the stream that has decided on the erased events is decided again on an empty stream.
    ///
    /// # Errors
    /// [`StoreErrorKind::Misconfigured`] when the role is not the owner of the store. [`StoreErrorKind::InvalidInput`] when the
    /// reason is empty.
    pub async fn erase_stream(&self, stream: &StreamId, reason: &str) -> Result<u64, StoreError> {
        check_reason(reason)?;
        let query = sqlx::query_scalar(self.backend().statements.erase_stream.sql())
            .bind(stream.category().as_str())
            .bind(stream.id())
            .bind(reason);
        let mut connection = self.backend().acquire().await?;
        let asked = connection.ask(async |connection| query.fetch_one(connection).await);
        let erased: i64 = asked.await.map_err(not_erased)?;
        tracing::warn!(%stream, erased, reason, "a stream is erased");
        Ok(unsigned(erased))
    }
}

fn not_erased(error: sqlx::Error) -> StoreError {
    if !is_missing_right(&error) {
        return commit(error);
    }
    let message = "only the owner of the store erases a stream; connect as the owner";
    StoreError::new(StoreErrorKind::Misconfigured, message).caused_by(error)
}
