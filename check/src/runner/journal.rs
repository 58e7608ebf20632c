//! The role of the processes: it adds a row for each event.

use async_trait::async_trait;
use cqrs_core::{Envelope, HandlerError, Projection, StoreError, ports::UnitOfWork as _};
use cqrs_postgres::{PgEventStore, PgTransaction};

use super::{
    events::CheckEvent,
    tables::{Entry, Tables},
};

/// A bug to plant in the role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunnerBug {
    /// It writes in a transaction of its own, not in that of the batch.
    WritesAside,
    /// It passes over an event that it cannot handle, without an error.
    SwallowsFailures,
}

impl RunnerBug {
    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WritesAside => "writes-aside",
            Self::SwallowsFailures => "swallows-failures",
        }
    }
}

/// Adds a row for each event that it handles, in the transaction of the batch.
pub(super) struct Journal {
    store: PgEventStore,
    tables: Tables,
    planted: Option<RunnerBug>,
}

impl Journal {
    pub(super) const NAME: &'static str = "journal";

    pub(super) fn new(store: &PgEventStore, planted: Option<RunnerBug>) -> Self {
        Self {
            tables: Tables::of(store),
            store: store.clone(),
            planted,
        }
    }

    async fn write(
        &self,
        transaction: &mut PgTransaction,
        entries: &[Entry],
    ) -> Result<(), HandlerError> {
        if self.planted != Some(RunnerBug::WritesAside) {
            return Ok(self.tables.handled(transaction, entries).await?);
        }
        let mut aside = self.store.begin().await?;
        self.tables.handled(&mut aside, entries).await?;
        Ok(self.store.commit(aside).await?)
    }

    /// The positions of the events that are broken and not repaired.
    async fn broken(
        &self,
        transaction: &mut PgTransaction,
        events: &[Envelope<CheckEvent>],
    ) -> Result<Vec<u64>, StoreError> {
        let broken = events
            .iter()
            .filter(|event| matches!(event.event, CheckEvent::Broken {}));
        let mut broken = Vec::from_iter(broken.map(|event| event.recorded.position.get()));
        if !broken.is_empty() {
            let repaired = self.tables.repaired(transaction, &broken).await?;
            broken.retain(|position| !repaired.contains(position));
        }
        Ok(broken)
    }
}

#[async_trait]
impl Projection<PgEventStore> for Journal {
    type Events = CheckEvent;

    fn name(&self) -> &str {
        Self::NAME
    }

    async fn project(
        &self,
        transaction: &mut PgTransaction,
        events: &[Envelope<CheckEvent>],
    ) -> Result<(), HandlerError> {
        let broken = self.broken(transaction, events).await?;
        let is_broken =
            |event: &Envelope<CheckEvent>| broken.contains(&event.recorded.position.get());
        if self.planted == Some(RunnerBug::SwallowsFailures) {
            let others = events.iter().filter(|event| !is_broken(event));
            return self
                .write(transaction, &Vec::from_iter(others.map(entry)))
                .await;
        }
        let good = events.iter().take_while(|event| !is_broken(event));
        self.write(transaction, &Vec::from_iter(good.map(entry)))
            .await?;
        match events.iter().find(|event| is_broken(event)) {
            Some(event) => Err(HandlerError::poison(
                event.recorded.id,
                "nobody has repaired it",
            )),
            None => Ok(()),
        }
    }
}

fn entry(event: &Envelope<CheckEvent>) -> Entry {
    let recorded = &event.recorded;
    Entry {
        stream: recorded.stream.id().to_owned(),
        version: recorded.version.get(),
        position: recorded.position.get(),
    }
}
