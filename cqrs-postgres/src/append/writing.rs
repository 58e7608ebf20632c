//! What every append of a store needs.

use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::Notify;

use crate::{line::Line, statements::Statements};

/// What every append of a store needs.
pub(crate) struct Writing {
    pub(crate) statements: Arc<Statements>,
    /// For what goes alone. Apart from the store's other connections, all of which may be in transactions that wait for an
    /// append to end.
    pub(crate) line: Line,
    /// Rings after something was appended and committed.
    pub(crate) appended: Arc<Notify>,
    pub(crate) retention: Duration,
    pub(crate) statement_timeout: Duration,
    pub(crate) commit_timeout: Duration,
}

/// Says nothing of the options, which hold a password.
impl fmt::Debug for Writing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writing")
            .field("retention", &self.retention)
            .field("statement_timeout", &self.statement_timeout)
            .field("commit_timeout", &self.commit_timeout)
            .finish_non_exhaustive()
    }
}

/// How much longer than the server the client waits: what the server ends in time is answered by it.
const GRACE: Duration = Duration::from_secs(2);

impl Writing {
    /// How long a statement in a transaction may take.
    pub(crate) fn statement_limit(&self) -> Duration {
        self.statement_timeout + GRACE
    }

    /// How long an append that commits by itself may take.
    pub(crate) fn append_limit(&self) -> Duration {
        self.statement_timeout + self.commit_timeout
    }

    /// For how many seconds a key is remembered.
    pub(crate) fn retention(&self) -> f64 {
        self.retention.as_secs_f64()
    }
}
