//! Units of work that are prepared, and ended by another session.

use cqrs_core::{
    EventStore,
    ports::{Appended, CommitError},
};

use super::{
    Failure, Writer,
    operation::{UnitEnd, UnitOutcome, UnitPlan},
};
use crate::faults::{FaultInjector, PreparedEnd};

impl<S: EventStore, F: FaultInjector<S::Transaction>> Writer<S, F> {
    /// Prepares the transaction if the plan says so. Returns it if it was not prepared.
    pub(super) async fn prepare(
        &mut self,
        transaction: S::Transaction,
        number: u32,
        plan: &UnitPlan,
    ) -> Result<Option<S::Transaction>, Failure> {
        if !plan.prepared || !matches!(plan.end, UnitEnd::Commit | UnitEnd::Rollback) {
            return Ok(Some(transaction));
        }
        let name = self.prepared_name(number);
        let error = match self.faults.prepare(transaction, &name).await {
            Ok(transaction) => return Ok(transaction),
            Err(error) => CommitError::Store(error),
        };
        // It may be prepared all the same, if only the answer was lost.
        match self.faults.end_prepared(&name, PreparedEnd::Rollback).await {
            Ok(()) => Err(Failure::Rejected(error)),
            Err(error) => Err(Failure::Unknown(Some(CommitError::Store(error)))),
        }
    }

    pub(super) async fn end_prepared(
        &mut self,
        number: u32,
        plan: &UnitPlan,
        answer: Vec<Appended>,
    ) -> Result<UnitOutcome, Failure> {
        self.result.stats.prepared += 1;
        if let Some(wait) = plan.wait {
            self.wait(wait).await;
        }
        let end = match plan.end {
            UnitEnd::Commit => PreparedEnd::Commit,
            _ => PreparedEnd::Rollback,
        };
        let name = self.prepared_name(number);
        match (self.faults.end_prepared(&name, end).await, end) {
            (Ok(()), PreparedEnd::Commit) => Ok(UnitOutcome::Committed(answer)),
            (Ok(()), PreparedEnd::Rollback) => Ok(UnitOutcome::RolledBack),
            (Err(error), _) => Err(Failure::Unknown(Some(CommitError::Store(error)))),
        }
    }

    fn prepared_name(&self, number: u32) -> String {
        format!("cqrs-check {}-{}-{number}", self.state.run, self.number)
    }
}
