//! Names: a session-level advisory lock each.

use std::time::Duration;

use cqrs_core::ports::{Hold, HoldError, NameKind, Names};

use crate::store::PgEventStore;

impl Names for PgEventStore {
    async fn hold(&self, kind: NameKind, name: &str) -> Result<Hold, HoldError> {
        self.names().hold(kind, name).await
    }

    fn lease(&self) -> Duration {
        self.backend().pools.lease()
    }
}
