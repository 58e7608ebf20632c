//! The call of `append`: appends of every kind.

use cqrs_core::ports::{Append, Appends};
use sqlx::{Error, PgConnection};

use super::columns::{EventColumns, StreamColumns};
use crate::{
    append::{
        guard_queue::{GuardKey, GuardWait},
        verdict::{self, Verdict},
    },
    connect::backend::Backend,
};

pub(super) async fn send(
    backend: &Backend,
    connection: &mut PgConnection,
    batch: &[&Appends],
    wait: GuardWait<'_>,
) -> Result<Vec<Verdict>, Error> {
    let all = || batch.iter().flat_map(|appends| &appends.streams);
    let count = all().map(|append| append.events.len()).sum();
    let mut streams = StreamColumns::with_capacity(all().count());
    let mut events = EventColumns::with_capacity(count);
    let mut stream_appends = Vec::new();
    let mut keys = Keys::default();
    for (appends, number) in batch.iter().zip(1..) {
        keys.push(appends, number);
        for append in &appends.streams {
            stream_appends.push(number);
            streams.push(append)?;
            events.extend(&append.events)?;
        }
    }
    let call = sqlx::query(backend.statements.append.sql())
        .bind(matches!(wait, GuardWait::All))
        .bind(wait_for(all(), wait))
        .bind(backend.retention_seconds())
        .bind(stream_appends);
    let call = streams
        .bind(call)
        .bind(keys.appends)
        .bind(keys.keys)
        .bind(keys.fingerprints);
    let row = events.bind(call).fetch_one(connection).await?;
    verdict::of_many(batch, &row)
}

/// The idempotency keys, each with the number of its append.
#[derive(Default)]
struct Keys<'a> {
    appends: Vec<i32>,
    keys: Vec<&'a str>,
    fingerprints: Vec<i64>,
}

impl<'a> Keys<'a> {
    fn push(&mut self, appends: &'a Appends, number: i32) {
        if let Some(idempotency) = &appends.idempotency {
            self.appends.push(number);
            self.keys.push(idempotency.key.as_str());
            let fingerprint = idempotency.fingerprint.cast_signed();
            self.fingerprints.push(fingerprint);
        }
    }
}

/// The number of the stream whose guard to wait for, 0 for the key.
fn wait_for<'a>(mut streams: impl Iterator<Item = &'a Append>, wait: GuardWait<'_>) -> Option<i32> {
    match wait {
        GuardWait::Try | GuardWait::All => None,
        GuardWait::For(GuardKey::Idempotency(_)) => Some(0),
        GuardWait::For(GuardKey::Stream(stream)) => {
            let index = streams.position(|append| append.stream == *stream)?;
            i32::try_from(index + 1).ok()
        }
    }
}
