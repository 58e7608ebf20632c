//! An append by itself: at once if nobody sits on its streams, else in its own time.
//!
//! **Invariant**: an append that waits for a guard holds none meanwhile. When it has got that one it tries the others, and if
//! one of them is held lets go of all, to wait for that one next. So nobody waits for who waits, and there is no deadlock.
//! Yet PostgreSQL may find one among those in front of it and end whoever found it: then it waits again.
//!
//! Source: Howard Hinnant, "Dining Philosophers Rebooted", the algorithm "smart & polite";
//! <https://howardhinnant.github.io/dining_philosophers.html>.

use std::{sync::Arc, time::Instant};

use cqrs_core::{Append, AppendError as WriteError, Appended, Appends, StoreError, StoreErrorKind};
use sqlx::{Error, PgConnection};

use super::{
    columns::Columns,
    job::Job,
    keys, one,
    patience::Patience,
    seen::{self, Covered},
    turns::Guarded,
    verdict::{self, Verdict},
    writing::Writing,
};
use crate::{
    connection::within,
    error::{commit, is_deadlock},
    line::Line,
    log_identity::LogIdentity,
    transaction::PgTransaction,
};

/// Appends and commits, or tells which guard is held.
pub(super) async fn append_at_once(
    writing: &Writing,
    appends: &Appends,
) -> Result<Result<Vec<Appended>, Guarded>, WriteError> {
    append_with(writing, &writing.lines.quick, appends, Patience::Tries).await
}

/// Appends and commits, in a task of its own: whoever asked for it may go.
pub(super) fn append_in_own_time(writing: &Arc<Writing>, job: Job, held: Option<Guarded>) {
    let writing = Arc::clone(writing);
    tokio::spawn(async move {
        // Whoever asked does not wait any more, and nothing was sent.
        if !job.answer.is_closed() {
            let outcome = append_patiently(&writing, &job.appends, held).await;
            drop(job.answer.send(outcome));
        }
    });
}

async fn append_patiently(
    writing: &Writing,
    appends: &Appends,
    mut held: Option<Guarded>,
) -> Result<Vec<Appended>, WriteError> {
    let begun = Instant::now();
    loop {
        let outcome = match &held {
            None => append_at_once(writing, appends).await?,
            Some(_) if begun.elapsed() > writing.append_limit() => {
                return Err(always_busy("its streams were held by one after the other").into());
            }
            Some(guarded) => append_after(writing, appends, guarded).await?,
        };
        match outcome {
            Ok(appended) => return Ok(appended),
            Err(guarded) => held = Some(guarded),
        }
    }
}

/// Waits for this guard first.
async fn append_after(
    writing: &Writing,
    appends: &Appends,
    guarded: &Guarded,
) -> Result<Result<Vec<Appended>, Guarded>, WriteError> {
    let line = &writing.lines.patient;
    let turn = writing.turns.take(guarded.clone());
    let Ok(_turn) = tokio::time::timeout(line.timeout(), turn).await else {
        return Err(always_busy("others of this process wait for the same stream").into());
    };
    append_with(writing, line, appends, Patience::WaitsFor(guarded)).await
}

async fn append_with(
    writing: &Writing,
    line: &Line,
    appends: &Appends,
    patience: Patience<'_>,
) -> Result<Result<Vec<Appended>, Guarded>, WriteError> {
    let mut connection = line.free().await?;
    let log = connection.log().clone();
    let asked = ask(writing, &mut connection, &log, appends, patience);
    let verdict = match (within(writing.append_limit(), asked).await, patience) {
        (Err(error), Patience::WaitsFor(guarded)) if is_deadlock(&error) => {
            Ok(Verdict::Busy(guarded.clone()))
        }
        (verdict, _) => verdict,
    };
    let appended = match connection.note(verdict).map_err(commit)? {
        Verdict::Appended(appended) => appended,
        Verdict::Refused(refused) => return Err(refused),
        Verdict::Repeat => return keys::first(writing, &mut connection, appends).await.map(Ok),
        Verdict::Busy(guarded) => return Ok(Err(guarded)),
    };
    let last_events = seen::last_events(appends, &appended);
    writing.seen.remember(&log, last_events);
    writing.appended.notify_waiters();
    Ok(Ok(appended))
}

/// Appends within a transaction.
pub(crate) async fn append_in(
    writing: &Writing,
    transaction: &mut PgTransaction,
    appends: &Appends,
) -> Result<Vec<Appended>, WriteError> {
    let all = [appends];
    let asked = ask_many(writing, transaction.connection(), &all, Patience::Waits);
    let verdict = within(writing.statement_limit(), asked).await;
    match transaction.note(verdict.and_then(only))? {
        Verdict::Appended(appended) => {
            transaction.note_append();
            Ok(appended)
        }
        Verdict::Refused(refused) => Err(refused),
        Verdict::Repeat => {
            let read = keys::recorded(
                writing,
                transaction.connection(),
                appends.idempotency.as_ref(),
            );
            let read = within(writing.statement_limit(), read).await;
            keys::answer(transaction.note(read)?, appends)
        }
        Verdict::Busy(_) => Err(never_busy().into()),
    }
}

async fn ask(
    writing: &Writing,
    connection: &mut PgConnection,
    log: &LogIdentity,
    appends: &Appends,
    patience: Patience<'_>,
) -> Result<Verdict, Error> {
    let verdicts = match patience {
        Patience::Tries => ask_all(writing, connection, log, &[appends]).await,
        _ => ask_many(writing, connection, &[appends], patience).await,
    };
    verdicts.and_then(only)
}

fn only(verdicts: Vec<Verdict>) -> Result<Verdict, Error> {
    verdicts.into_iter().next().ok_or(Error::RowNotFound)
}

/// Asks for appends that wait for nobody, over a connection to this log: by the function that fits.
pub(super) async fn ask_all(
    writing: &Writing,
    connection: &mut PgConnection,
    log: &LogIdentity,
    appends: &[&Appends],
) -> Result<Vec<Verdict>, Error> {
    let Some(each) = appends
        .iter()
        .map(|appends| simple(appends))
        .collect::<Option<Vec<_>>>()
    else {
        return ask_many(writing, connection, appends, Patience::Tries).await;
    };
    let covered = writing.seen.covered(log, &each);
    if covered.log.is_some() {
        if let Some(verdicts) = ask_simply(writing, connection, &each, &covered).await? {
            return Ok(verdicts);
        }
        doubt(writing, connection, log).await?;
    }
    let verdicts = ask_simply(writing, connection, &each, &Covered::default()).await?;
    verdicts.ok_or_else(verdict::none)
}

/// Calls `append_event` or `append_to_one` for one, `append_each` for several. Nothing if one of those that are covered does
/// not stand any more where it was seen.
async fn ask_simply(
    writing: &Writing,
    connection: &mut PgConnection,
    appends: &[&Append],
    covered: &Covered,
) -> Result<Option<Vec<Verdict>>, Error> {
    if let [append] = *appends {
        let call = one::call(append, &writing.statements, covered.log.as_ref())?;
        let verdict = verdict::of_one(append, &call.fetch_one(connection).await?)?;
        return Ok(verdict.map(|verdict| vec![verdict]));
    }
    let columns = Columns::of_each(appends)?;
    let call = columns.call_each(&writing.statements.append_each, covered);
    verdict::of_each(appends, &call.fetch_one(connection).await?)
}

/// What was seen in this log was not so: others have appended, or the connection leads to another log.
async fn doubt(
    writing: &Writing,
    connection: &mut PgConnection,
    log: &LogIdentity,
) -> Result<(), Error> {
    let whereabouts = &writing.lines.whereabouts;
    if whereabouts.ask(connection).await?.log() == log.log() {
        writing.seen.doubt();
    }
    Ok(())
}

async fn ask_many(
    writing: &Writing,
    connection: &mut PgConnection,
    appends: &[&Appends],
    patience: Patience<'_>,
) -> Result<Vec<Verdict>, Error> {
    let columns = Columns::of(appends.iter().copied())?;
    let call = columns.call(&writing.statements.append, patience, writing.retention());
    verdict::of_many(appends.iter().copied(), &call.fetch_one(connection).await?)
}

/// To one stream, without a key.
fn simple(appends: &Appends) -> Option<&Append> {
    match (&*appends.streams, &appends.idempotency) {
        ([append], None) => Some(append),
        _ => None,
    }
}

fn always_busy(why: &str) -> StoreError {
    let message = format!(
        "{why} for too long; nothing was written. Try again, and end transactions that have appended sooner"
    );
    StoreError::new(StoreErrorKind::Unavailable, message)
}

fn never_busy() -> StoreError {
    let message = "the append function would not wait for a guard although it was told to";
    StoreError::new(StoreErrorKind::Schema, message)
}
