//! Units of work that are prepared, and ended by another session.

use cqrs_core::{Appended, EventStore, WriteError};

use super::{
    Failed, Writer,
    ask::{End, Unit},
    unit::Ended,
};
use crate::mischief::Mischief;

impl<S: EventStore, M: Mischief<S::Transaction>> Writer<S, M> {
    /// The transaction, unless it was laid aside.
    pub(super) async fn prepare(
        &mut self,
        transaction: S::Transaction,
        number: u32,
        unit: &Unit,
    ) -> Result<Option<S::Transaction>, Failed> {
        if !unit.prepared || !matches!(unit.end, End::Commit | End::RollBack) {
            return Ok(Some(transaction));
        }
        let name = self.name(number);
        match self.mischief.prepare(transaction, &name).await {
            Ok(left) => Ok(left),
            // It may have been laid aside, and the answer lost.
            Err(error) => match self.mischief.end_prepared(&name, false).await {
                Ok(()) => Err(Failed::Refused(WriteError::Store(error))),
                Err(error) => Err(Failed::Unknown(Some(WriteError::Store(error)))),
            },
        }
    }

    pub(super) async fn end_prepared(
        &mut self,
        number: u32,
        unit: &Unit,
        landed: Vec<Appended>,
    ) -> Result<Ended, Failed> {
        self.written.deeds.prepared += 1;
        if let Some(hold) = unit.hold {
            self.hold(hold).await;
        }
        let (name, commit) = (self.name(number), unit.end == End::Commit);
        match self.mischief.end_prepared(&name, commit).await {
            Ok(()) if commit => Ok(Ended::Committed(landed)),
            Ok(()) => Ok(Ended::Undone),
            Err(error) => Err(Failed::Unknown(Some(WriteError::Store(error)))),
        }
    }

    fn name(&self, number: u32) -> String {
        format!("cqrs-check {}-{}-{number}", self.scene.run, self.number)
    }
}
