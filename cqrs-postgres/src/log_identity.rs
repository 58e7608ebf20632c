//! Which log a connection leads to, and since when that is known.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use sqlx::{Error, PgConnection};
use time::OffsetDateTime;

use crate::statements::Statement;

/// Which log a connection leads to: that of a server since it was started, in the file of a table since it was made or emptied.
///
/// **Invariant**: as long as two of them are equal, what was committed to the first is in the second. A server that was restored,
/// and a standby that took over without the last commits, were started at another time; a table that was restored has another
/// file. Whatever else can throw a log back breaks connections, and with each that is made a new era begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogIdentity {
    log: Arc<Log>,
    era: u64,
}

/// What `log_identity()` answers.
#[derive(Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Log {
    /// When the server was started.
    pub(crate) started: OffsetDateTime,
    /// Where the table is.
    pub(crate) file: String,
}

impl LogIdentity {
    #[cfg(test)]
    pub(crate) fn new(file: &str, era: u64) -> Self {
        let log = Log::test(file);
        Self { log, era }
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    pub(crate) fn is_older_than(&self, other: &Self) -> bool {
        self.era < other.era
    }
}

/// Asks connections of a store where they lead to, each once in an era, and once more if its own answer ended it.
#[derive(Debug, Clone)]
pub(crate) struct Whereabouts {
    statement: Statement,
    told: Arc<Told>,
}

/// What connections have told.
#[derive(Debug, Default)]
struct Told {
    era: AtomicU64,
    last: Mutex<Option<Arc<Log>>>,
}

impl Whereabouts {
    pub(crate) fn new(statement: Statement) -> Self {
        let told = Arc::default();
        Self { statement, told }
    }

    /// Whether this was told in the era that still lasts.
    pub(crate) fn is_known(&self, log: &LogIdentity) -> bool {
        log.era == self.told.era()
    }

    /// Of a connection that was just made.
    pub(crate) async fn ask_new(
        &self,
        connection: &mut PgConnection,
    ) -> Result<LogIdentity, Error> {
        self.told.begin_era();
        self.ask(connection).await
    }

    pub(crate) async fn ask(&self, connection: &mut PgConnection) -> Result<LogIdentity, Error> {
        let era = self.told.era();
        let log = sqlx::query_as(self.statement.sql());
        let log = Arc::new(log.fetch_one(connection).await?);
        self.told.note(&log);
        Ok(LogIdentity { log, era })
    }
}

impl Told {
    fn era(&self) -> u64 {
        self.era.load(Ordering::Relaxed)
    }

    fn begin_era(&self) {
        self.era.fetch_add(1, Ordering::Relaxed);
    }

    /// Two connections that tell of different logs: one of them leads elsewhere than it did when it was asked, so that all have to
    /// be asked again. Else each would for ever forget what the other has seen.
    fn note(&self, log: &Arc<Log>) {
        let mut last = self
            .last
            .lock()
            .expect("no call panics while it holds the lock");
        if last.as_ref().is_some_and(|last| last != log) {
            self.begin_era();
        }
        *last = Some(Arc::clone(log));
    }
}

#[cfg(test)]
impl Log {
    fn test(file: &str) -> Arc<Self> {
        let (started, file) = (OffsetDateTime::UNIX_EPOCH, file.to_owned());
        Arc::new(Self { started, file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_era_ends_when_two_logs_are_told_of() {
        let told = Told::default();
        let eras = ["a", "a", "b", "b", "a"].map(|file| {
            told.note(&Log::test(file));
            told.era()
        });
        assert_eq!(eras, [0, 0, 1, 1, 2]);
    }
}
