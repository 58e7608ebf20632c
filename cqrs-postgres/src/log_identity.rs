//! Which log a connection leads to, and since when that is known.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use sqlx::{Error, PgConnection};

use crate::statements::Statement;

/// Which log a connection leads to: that of a server since it was started, in the file of a table since it was made or emptied.
///
/// **Invariant**: as long as two of them are equal, what was committed to the first is in the second. A server that was restored,
/// and a standby that took over without the last commits, were started at another time; a table that was restored has another
/// file. Whatever else can throw a log back breaks connections, and with each that is made a new era begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogIdentity {
    text: Arc<str>,
    era: u64,
}

impl LogIdentity {
    #[cfg(test)]
    pub(crate) fn new(text: &str, era: u64) -> Self {
        let text = text.into();
        Self { text, era }
    }

    /// What `log_identity()` said.
    pub(crate) fn text(&self) -> &Arc<str> {
        &self.text
    }

    pub(crate) fn is_older_than(&self, other: &Self) -> bool {
        self.era < other.era
    }
}

/// Asks connections of a store where they lead to, each once in an era.
#[derive(Debug, Clone)]
pub(crate) struct Whereabouts {
    statement: Statement,
    era: Arc<AtomicU64>,
}

impl Whereabouts {
    pub(crate) fn new(statement: Statement) -> Self {
        let era = Arc::default();
        Self { statement, era }
    }

    /// A new era begins: a connection was made, or led elsewhere than it had said.
    pub(crate) fn begin_era(&self) {
        self.era.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether this was told in the era that still lasts.
    pub(crate) fn is_known(&self, log: &LogIdentity) -> bool {
        log.era == self.era.load(Ordering::Relaxed)
    }

    pub(crate) async fn ask(&self, connection: &mut PgConnection) -> Result<LogIdentity, Error> {
        let era = self.era.load(Ordering::Relaxed);
        let text = sqlx::query_scalar(self.statement.sql());
        let text: String = text.fetch_one(connection).await?;
        let text = text.into();
        Ok(LogIdentity { text, era })
    }
}
