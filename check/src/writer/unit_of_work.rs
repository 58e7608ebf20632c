//! Units of work: early, slow, with a rollback to a savepoint, and ended in every way.

use cqrs_core::{
    EventStore, ExpectedVersion, StoreError, StoreErrorKind, StreamId, Version,
    ports::{Appended, CommitError},
};

use super::{
    CALL_LIMIT, Failure, Writer, answers, into_commit_error, is_unknown,
    operation::{StreamRequest, UnitEnd, UnitOutcome, UnitPlan},
    within,
};
use crate::faults::FaultInjector;

impl<S: EventStore, F: FaultInjector<S::Transaction>> Writer<S, F> {
    pub(super) async fn run_unit(&mut self, mut plan: UnitPlan) {
        let number = self.begin(&plan.requests);
        match self.try_unit(number, &mut plan).await {
            Ok(UnitOutcome::Committed(answer)) => {
                self.result.stats.units += 1;
                self.acknowledged(number, &plan.requests, &answer);
            }
            Ok(UnitOutcome::RolledBack) => {
                self.result.stats.rolled_back += 1;
                self.result.history.reject(number);
            }
            Err(failure) => self.failed(number, failure).await,
        }
    }

    async fn try_unit(&mut self, number: u32, plan: &mut UnitPlan) -> Result<UnitOutcome, Failure> {
        if let Some(limit) = plan.abandoned_begin {
            // The next user of that connection must not find a transaction in it.
            drop(within(limit, self.store.begin()).await);
        }
        let mut transaction = before_commit(self.store.begin()).await?;
        if let Some(wait) = plan.early {
            before_commit(self.faults.begin_early(&mut transaction)).await?;
            self.wait(wait).await;
        }
        if plan.reads_first {
            self.read(&mut transaction, &mut plan.requests).await?;
        }
        if plan.undoes_first {
            self.append_and_undo(&mut transaction, &plan.requests)
                .await?;
        }
        let answer = self
            .append_in(&mut transaction, number, &plan.requests)
            .await?;
        if let Some(wait) = plan.wait {
            self.wait(wait).await;
        }
        match self.prepare(transaction, number, plan).await? {
            Some(transaction) => self.end(transaction, plan, answer).await,
            None => self.end_prepared(number, plan, answer).await,
        }
    }

    /// Reads the streams, which guards them, and expects the versions that it read.
    async fn read(
        &self,
        transaction: &mut S::Transaction,
        requests: &mut [StreamRequest],
    ) -> Result<(), Failure> {
        let streams: Vec<StreamId> = requests.iter().map(|request| request.stream.id()).collect();
        let events = before_commit(self.store.read_streams_in(transaction, &streams)).await?;
        for (request, stream) in requests.iter_mut().zip(&streams) {
            let of_stream = events.iter().filter(|event| event.stream == *stream);
            request.expected = ExpectedVersion::Exact(Version::new(of_stream.count() as u64));
        }
        Ok(())
    }

    async fn append_and_undo(
        &mut self,
        transaction: &mut S::Transaction,
        requests: &[StreamRequest],
    ) -> Result<(), Failure> {
        if !before_commit(self.faults.savepoint(transaction)).await? {
            return Ok(());
        }
        let undone = self.begin(requests);
        self.result.history.reject(undone);
        self.append_in(transaction, undone, requests).await?;
        self.result.stats.rolled_back += 1;
        before_commit(self.faults.undo(transaction)).await
    }

    async fn append_in(
        &mut self,
        transaction: &mut S::Transaction,
        number: u32,
        requests: &[StreamRequest],
    ) -> Result<Vec<Appended>, Failure> {
        let appends = self.appends(number, requests);
        match within(
            CALL_LIMIT,
            into_commit_error(self.store.append_in(transaction, appends)),
        )
        .await
        {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(error)) => {
                self.add_verdict(answers::check_rejection(requests, &error));
                Err(Failure::Rejected(error))
            }
            None => Err(Failure::Rejected(too_slow().into())),
        }
    }

    async fn end(
        &mut self,
        transaction: S::Transaction,
        plan: &UnitPlan,
        answer: Vec<Appended>,
    ) -> Result<UnitOutcome, Failure> {
        let limit = match plan.end {
            UnitEnd::Drop => return Ok(UnitOutcome::RolledBack),
            UnitEnd::Rollback => {
                before_commit(self.store.rollback(transaction)).await?;
                return Ok(UnitOutcome::RolledBack);
            }
            UnitEnd::Commit => CALL_LIMIT,
            UnitEnd::AbandonedCommit(limit) => limit,
        };
        match within(limit, self.store.commit(transaction)).await {
            Some(Ok(())) => Ok(UnitOutcome::Committed(answer)),
            Some(Err(error)) if is_unknown(&error) => Err(Failure::Unknown(Some(error))),
            Some(Err(error)) => {
                self.add_verdict(answers::check_rejected_commit(&plan.requests, &error));
                Err(Failure::Rejected(error))
            }
            None => Err(Failure::Unknown(None)),
        }
    }
}

/// A step before the commit. If it fails, the transaction writes nothing.
async fn before_commit<T>(step: impl Future<Output = Result<T, StoreError>>) -> Result<T, Failure> {
    match within(CALL_LIMIT, step).await {
        Some(Ok(output)) => Ok(output),
        Some(Err(error)) => Err(Failure::Rejected(CommitError::Store(error))),
        None => Err(Failure::Rejected(too_slow().into())),
    }
}

fn too_slow() -> StoreError {
    let message = format!("no answer within {CALL_LIMIT:?}");
    StoreError::new(StoreErrorKind::Unavailable, message)
}
