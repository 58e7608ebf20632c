//! Appends within a transaction of the caller.

use cqrs_core::{AppendError, Appended, Appends, StoreError, StoreErrorKind};

use super::{call, guard_queue::GuardWait, keys, verdict::Verdict};
use crate::{connect::backend::Backend, time_limit::within, transaction::PgTransaction};

/// Appends within a transaction. It waits for every guard.
pub(crate) async fn append_in(
    backend: &Backend,
    transaction: &mut PgTransaction,
    appends: &Appends,
) -> Result<Vec<Appended>, AppendError> {
    let sent = call::send_one(backend, transaction.connection(), appends, GuardWait::All);
    let verdict = within(backend.statement_limit(), sent).await;
    match transaction.note(verdict)? {
        Verdict::Appended(appended) => {
            transaction.note_append();
            Ok(appended)
        }
        Verdict::Rejected(rejected) => Err(rejected),
        Verdict::Repeat => {
            let key = appends.idempotency.as_ref();
            let read = keys::recorded(backend, transaction.connection(), key);
            let read = within(backend.statement_limit(), read).await;
            keys::outcome_of_repeat(transaction.note(read)?, appends)
        }
        Verdict::Busy(_) => Err(busy_despite_waiting().into()),
    }
}

fn busy_despite_waiting() -> StoreError {
    let message = "the append function reported a busy guard instead of waiting for it";
    StoreError::new(StoreErrorKind::Schema, message)
}
