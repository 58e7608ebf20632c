//! Units of work: early, late, undone, held, and ended in every way.

use cqrs_core::{Appended, EventStore, ExpectedVersion, StoreError, StreamId, Version, WriteError};

use super::{
    Failed, PATIENCE, Writer,
    ask::{Ask, End, Hold, Unit},
    is_unknown, judge, within,
};
use crate::mischief::Mischief;

/// How a unit of work ended.
pub(super) enum Ended {
    Committed(Vec<Appended>),
    Undone,
}

impl<S: EventStore, M: Mischief<S::Transaction>> Writer<S, M> {
    pub(super) async fn unit(&mut self, mut unit: Unit) {
        let number = self.open(&unit.asks);
        match self.try_unit(number, &mut unit).await {
            Ok(Ended::Committed(landed)) => {
                self.written.deeds.units += 1;
                self.acknowledged(number, &unit.asks, &landed);
            }
            Ok(Ended::Undone) => {
                self.written.deeds.rolled_back += 1;
                self.written.ledger.refuse(number);
            }
            Err(failed) => self.failed(number, failed).await,
        }
    }

    async fn try_unit(&mut self, number: u32, unit: &mut Unit) -> Result<Ended, Failed> {
        if let Some(time) = unit.never_begins {
            // Whoever gets that connection next must not find a transaction in it.
            drop(within(time, self.store.begin()).await);
        }
        let mut transaction = self.patiently(self.store.begin()).await?;
        if let Some(hold) = unit.early {
            self.patiently(self.mischief.begin_early(&mut transaction))
                .await?;
            self.hold(hold).await;
        }
        if unit.reads_first {
            self.read(&mut transaction, &mut unit.asks).await?;
        }
        if unit.undoes_first {
            self.append_and_undo(&mut transaction, &unit.asks).await?;
        }
        let landed = self.append_in(&mut transaction, number, &unit.asks).await?;
        if let Some(hold) = unit.hold {
            self.hold(hold).await;
        }
        match self.prepare(transaction, number, unit).await? {
            Some(transaction) => self.end(transaction, unit, landed).await,
            None => self.end_prepared(number, unit, landed).await,
        }
    }

    /// Expects the versions that it reads: they are guarded from here on.
    async fn read(&self, transaction: &mut S::Transaction, asks: &mut [Ask]) -> Result<(), Failed> {
        let streams: Vec<StreamId> = asks.iter().map(|ask| ask.stream.id()).collect();
        let events = self
            .patiently(self.store.read_streams_in(transaction, &streams))
            .await?;
        for (ask, stream) in asks.iter_mut().zip(&streams) {
            let read = events
                .iter()
                .filter(|event| event.stream == *stream)
                .count();
            ask.expected = ExpectedVersion::Exact(Version::new(read as u64));
        }
        Ok(())
    }

    async fn append_and_undo(
        &mut self,
        transaction: &mut S::Transaction,
        asks: &[Ask],
    ) -> Result<(), Failed> {
        if !self.patiently(self.mischief.savepoint(transaction)).await? {
            return Ok(());
        }
        let undone = self.open(asks);
        self.written.ledger.refuse(undone);
        self.append_in(transaction, undone, asks).await?;
        self.written.deeds.rolled_back += 1;
        self.patiently(self.mischief.undo(transaction)).await
    }

    async fn append_in(
        &mut self,
        transaction: &mut S::Transaction,
        number: u32,
        asks: &[Ask],
    ) -> Result<Vec<Appended>, Failed> {
        let appends = self.compose(number, asks);
        match within(PATIENCE, self.store.append_in(transaction, appends)).await {
            Some(Ok(landed)) => Ok(landed),
            Some(Err(error)) => {
                self.judge(judge::refusal(asks, &error));
                Err(Failed::Refused(error))
            }
            None => Err(Failed::Refused(too_slow().into())),
        }
    }

    async fn end(
        &mut self,
        transaction: S::Transaction,
        unit: &Unit,
        landed: Vec<Appended>,
    ) -> Result<Ended, Failed> {
        let time = match unit.end {
            End::Drop => return Ok(Ended::Undone),
            End::RollBack => {
                self.patiently(self.store.rollback(transaction)).await?;
                return Ok(Ended::Undone);
            }
            End::Commit => PATIENCE,
            End::GivenUp(time) => time,
        };
        match within(time, self.store.commit(transaction)).await {
            Some(Ok(())) => Ok(Ended::Committed(landed)),
            Some(Err(error)) if is_unknown(&error) => Err(Failed::Unknown(Some(error))),
            Some(Err(error)) => {
                self.written
                    .verdict
                    .absorb(judge::refused_commit(&unit.asks, &error));
                Err(Failed::Refused(error))
            }
            None => Err(Failed::Unknown(None)),
        }
    }

    pub(super) async fn hold(&self, hold: Hold) {
        self.scene.let_others_pass(hold.commits, hold.at_most).await;
    }

    /// A step before the commit: if it fails, nothing of the transaction stays.
    async fn patiently<T>(
        &self,
        step: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Failed> {
        match within(PATIENCE, step).await {
            Some(Ok(done)) => Ok(done),
            Some(Err(error)) => Err(Failed::Refused(WriteError::Store(error))),
            None => Err(Failed::Refused(too_slow().into())),
        }
    }
}

fn too_slow() -> StoreError {
    let message = format!("no answer within {PATIENCE:?}");
    StoreError::new(cqrs_core::StoreErrorKind::Unavailable, message)
}
