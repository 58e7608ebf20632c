//! Appends within a transaction of the caller.

use cqrs_core::{
    StoreError, StoreErrorKind,
    ports::{AppendError, Appended, Appends},
};

use super::{call, guard_queue::GuardWait, keys, verdict::Verdict};
use crate::{connect::backend::Backend, transaction::PgTransaction};

/// Appends within a transaction. It waits for every guard.
///
/// No position is returned before the commit, as by every store: the caller could hand it on, and the transaction be rolled back.
pub(crate) async fn append_in(
    backend: &Backend,
    transaction: &mut PgTransaction,
    appends: &Appends,
) -> Result<Vec<Appended>, AppendError> {
    let verdict = transaction
        .ask(async |connection| call::send_one(backend, connection, appends, GuardWait::All).await);
    match verdict.await? {
        Verdict::Appended(mut appended) => {
            transaction.note_append();
            appended.iter_mut().for_each(|one| one.position = None);
            Ok(appended)
        }
        Verdict::Rejected(rejected) => Err(rejected),
        Verdict::Repeat => {
            let key = appends.idempotency.as_ref();
            let recorded =
                transaction.ask(async |connection| keys::recorded(backend, connection, key).await);
            keys::outcome_of_repeat(recorded.await?, appends)
        }
        Verdict::Busy(_) => Err(busy_despite_waiting().into()),
    }
}

fn busy_despite_waiting() -> StoreError {
    let message = "the append function reported a busy guard instead of waiting for it";
    StoreError::new(StoreErrorKind::Schema, message)
}
