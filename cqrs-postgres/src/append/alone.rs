//! An append on a connection of its own. It may wait for guards: nobody waits behind it.

use cqrs_core::{Appended, Appends, StoreError, StoreErrorKind, WriteError};
use sqlx::{Error, PgConnection};

use super::{
    columns::{Columns, call_to_one},
    keys,
    verdict::{self, Verdict},
    writing::Writing,
};
use crate::{
    connection::within,
    error::{commit, is_deadlock},
    line::Taken,
    transaction::PgTransaction,
};

/// How often an append is made again that PostgreSQL gave up in a deadlock. It holds nothing while it waits for its first
/// guard, but somebody in a deadlock of others may stand behind it in the queue.
const DEADLOCKS: usize = 3;

/// Appends and commits.
pub(super) async fn append_alone(
    writing: &Writing,
    appends: &Appends,
) -> Result<Vec<Appended>, WriteError> {
    let mut connection = writing.line.free().await?;
    let verdict = match asked(writing, &mut connection, appends).await {
        Ok(verdict) => verdict,
        Err(error) => return Err(commit(error).into()),
    };
    let appended = match verdict {
        Verdict::Appended(appended) => appended,
        Verdict::Refused(refused) => return Err(refused),
        Verdict::Repeat => return keys::first(writing, &mut connection, appends).await,
        Verdict::Busy => return Err(never_busy().into()),
    };
    writing.appended.notify_waiters();
    Ok(appended)
}

async fn asked(
    writing: &Writing,
    connection: &mut Taken<'_>,
    appends: &Appends,
) -> Result<Verdict, Error> {
    let mut deadlocks = 0;
    loop {
        let asked = ask(writing, connection, appends, true);
        let verdict = within(writing.append_limit(), asked).await;
        match connection.note(verdict) {
            Err(error) if is_deadlock(&error) && deadlocks < DEADLOCKS => deadlocks += 1,
            outcome => return outcome,
        }
    }
}

/// Appends within a transaction.
pub(crate) async fn append_in(
    writing: &Writing,
    transaction: &mut PgTransaction,
    appends: &Appends,
) -> Result<Vec<Appended>, WriteError> {
    let asked = ask(writing, transaction.connection(), appends, true);
    let verdict = within(writing.statement_limit(), asked).await;
    match transaction.note(verdict)? {
        Verdict::Appended(appended) => {
            transaction.note_append();
            Ok(appended)
        }
        Verdict::Refused(refused) => Err(refused),
        Verdict::Repeat => {
            let read = keys::read(
                writing,
                transaction.connection(),
                appends.idempotency.as_ref(),
            );
            let read = within(writing.statement_limit(), read).await;
            keys::answer(transaction.note(read)?, appends)
        }
        Verdict::Busy => Err(never_busy().into()),
    }
}

/// Calls the function that fits.
pub(super) async fn ask(
    writing: &Writing,
    connection: &mut PgConnection,
    appends: &Appends,
    may_wait: bool,
) -> Result<Verdict, Error> {
    if let ([append], None) = (&*appends.streams, &appends.idempotency) {
        let call = call_to_one(append, &writing.statements.append_to_one, may_wait)?;
        return verdict::of_one(append, &call.fetch_one(connection).await?);
    }
    let verdicts = ask_many(writing, connection, &[appends], may_wait).await?;
    verdicts.into_iter().next().ok_or(Error::RowNotFound)
}

/// Calls the function for several appends.
pub(super) async fn ask_many(
    writing: &Writing,
    connection: &mut PgConnection,
    appends: &[&Appends],
    may_wait: bool,
) -> Result<Vec<Verdict>, Error> {
    let columns = Columns::of(appends.iter().copied())?;
    let call = columns.call(&writing.statements.append, may_wait, writing.retention());
    verdict::of_many(appends.iter().copied(), &call.fetch_one(connection).await?)
}

fn never_busy() -> StoreError {
    let message = "the append function would not wait for a guard although it was told to";
    StoreError::new(StoreErrorKind::Schema, message)
}
