//! Which log a connection leads to, and since when that is known.

use std::sync::{
    Arc, Mutex,
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
    told: Arc<Told>,
}

/// What connections have told.
#[derive(Debug, Default)]
struct Told {
    era: AtomicU64,
    last: Mutex<Option<Arc<str>>>,
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
        let text = sqlx::query_scalar(self.statement.sql());
        let text: String = text.fetch_one(connection).await?;
        let text = text.into();
        self.told.note(&text);
        Ok(LogIdentity { text, era })
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
    fn note(&self, text: &Arc<str>) {
        let mut last = self
            .last
            .lock()
            .expect("no call panics while it holds the lock");
        if last.as_ref().is_some_and(|last| last != text) {
            self.begin_era();
        }
        *last = Some(Arc::clone(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_era_ends_when_two_logs_are_told_of() {
        let told = Told::default();
        let eras = ["a", "a", "b", "b", "a"].map(|text| {
            told.note(&text.into());
            told.era()
        });
        assert_eq!(eras, [0, 0, 1, 1, 2]);
    }
}
