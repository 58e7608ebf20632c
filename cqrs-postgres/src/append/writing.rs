//! What every append of a store needs.

use std::{fmt, sync::Arc, time::Duration};

use sqlx::postgres::PgConnectOptions;
use tokio::sync::Notify;

use super::{seen::Seen, turns::Turns};
use crate::{line::Line, log_identity::Whereabouts, statements::Statements};

/// How many connections at most wait for guards, and how many are for what waits for nothing.
const CONNECTIONS: usize = 4;

/// What every append of a store needs.
pub(crate) struct Writing {
    pub(crate) statements: Arc<Statements>,
    pub(crate) lines: Lines,
    /// Who waits for which guard.
    pub(crate) turns: Turns,
    /// Where streams stood lately.
    pub(crate) seen: Seen,
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

/// The connections of appends and replays. Apart from the store's other connections, all of which may be in transactions that
/// wait for an append to end; and those that wait apart from those that never do.
pub(crate) struct Lines {
    /// For single statements that wait for nobody.
    pub(crate) quick: Line,
    /// For those that wait for a guard.
    pub(crate) patient: Line,
    pub(crate) of_writer: Line,
    pub(crate) of_reader: Line,
    /// To which log they lead.
    pub(crate) whereabouts: Whereabouts,
}

impl Lines {
    pub(crate) fn new(
        options: &PgConnectOptions,
        timeout: Duration,
        whereabouts: Whereabouts,
    ) -> Self {
        let line =
            |connections| Line::new(options.clone(), timeout, whereabouts.clone(), connections);
        Self {
            quick: line(CONNECTIONS),
            patient: line(CONNECTIONS),
            of_writer: line(1),
            of_reader: line(1),
            whereabouts,
        }
    }

    /// Closes all of them, as soon as they are free.
    pub(crate) async fn close(&self) {
        for line in [&self.of_writer, &self.of_reader, &self.patient, &self.quick] {
            line.close().await;
        }
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
