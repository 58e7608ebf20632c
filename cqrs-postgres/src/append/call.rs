//! Calls the SQL function that fits an append, and reads its verdict.

mod columns;
mod each;
mod event;
mod general;
mod stream;

pub(crate) use self::columns::EventColumns;
use cqrs_core::ports::{Append, Appends};
use sqlx::{Error, PgConnection};

use super::{guard_queue::GuardWait, stream_heads::StreamHeads, verdict::Verdict};
use crate::connect::backend::Backend;

/// Sends appends that are made together, all or none.
pub(super) async fn send_one(
    backend: &Backend,
    connection: &mut PgConnection,
    appends: &Appends,
    wait: GuardWait<'_>,
) -> Result<Verdict, Error> {
    let statements = &backend.statements;
    match (plain(appends), wait) {
        (Some(append), GuardWait::Try) => match &*append.events {
            [event] => event::send(&statements.append_event, connection, append, event).await,
            _ => stream::send(&statements.append_to_one, connection, append).await,
        },
        _ => {
            let verdicts = general::send(backend, connection, &[appends], wait).await?;
            verdicts.into_iter().next().ok_or(Error::RowNotFound)
        }
    }
}

/// Sends a batch, which waits for no guard.
pub(super) async fn send_batch(
    backend: &Backend,
    connection: &mut PgConnection,
    batch: &[&Appends],
    heads: &mut StreamHeads,
) -> Result<Vec<Verdict>, Error> {
    if let [appends] = batch {
        let verdict = send_one(backend, connection, appends, GuardWait::Try).await?;
        return Ok(vec![verdict]);
    }
    let plain: Option<Vec<_>> = batch.iter().map(|appends| plain(appends)).collect();
    match plain {
        Some(plain) => {
            let heads = heads.hints(&plain);
            each::send(&backend.statements.append_each, connection, &plain, heads).await
        }
        None => general::send(backend, connection, batch, GuardWait::Try).await,
    }
}

/// The append, if it is one to a single stream without a key.
fn plain(appends: &Appends) -> Option<&Append> {
    match (&*appends.streams, &appends.idempotency) {
        ([append], None) => Some(append),
        _ => None,
    }
}
