//! Reads what the SQL functions return: a verdict on each append.

use cqrs_core::{
    IdempotencyKey, Position, Version,
    model::{Conflict, KeyReused},
    ports::{Append, AppendError, Appended, Appends},
};
use sqlx::{Row, postgres::PgRow};

use super::guard_queue::GuardKey;
use crate::row::unsigned;

/// The outcome of one append.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It was made.
    Appended(Vec<Appended>),
    /// It was rejected for good.
    Rejected(AppendError),
    /// It was made before, under its key.
    Repeat,
    /// Another transaction holds the guard of one of its streams, or of its key.
    Busy(GuardKey),
}

/// Reads what `append_event` and `append_to_one` return.
pub(super) fn of_one(append: &Append, row: &PgRow) -> Result<Verdict, sqlx::Error> {
    let numbers: Vec<Option<i64>> = row.try_get(0)?;
    match *numbers {
        [before] => of_stream(append, before, None),
        [before, last] => of_stream(append, before, last),
        _ => Err(unexpected("a wrong number of values")),
    }
}

/// Reads what `append_each` returns: a verdict for each of the appends, in their order.
pub(super) fn of_each(appends: &[&Append], row: &PgRow) -> Result<Vec<Verdict>, sqlx::Error> {
    let numbers: Vec<Option<i64>> = row.try_get(0)?;
    let (before, positions) = numbers
        .split_at_checked(appends.len())
        .ok_or_else(|| unexpected("too few verdicts"))?;
    let all: usize = appends.iter().map(|append| append.events.len()).sum();
    let mut events = 0;
    let verdict = |(append, before): (&&Append, &Option<i64>)| {
        events += append.events.len();
        of_stream(append, *before, position(positions, events, all))
    };
    appends.iter().zip(before).map(verdict).collect()
}

/// The position of the nth event of all. A single position is that of the last event; the others directly precede it.
fn position(positions: &[Option<i64>], nth: usize, all: usize) -> Option<i64> {
    match *positions {
        [last] => Some(last? - i64::try_from(all - nth).ok()?),
        _ => *positions.get(nth.checked_sub(1)?)?,
    }
}

/// `before` is the version before the append, or -1 minus the version if it is not the expected one, or `None` if another
/// transaction holds the guard. `last` is the position of the append's last event.
fn of_stream(
    append: &Append,
    before: Option<i64>,
    last: Option<i64>,
) -> Result<Verdict, sqlx::Error> {
    Ok(match before {
        None => Verdict::Busy(GuardKey::Stream(append.stream.clone())),
        Some(before) if before < 0 => {
            let actual = Version::new(unsigned(-1 - before));
            Verdict::Rejected(conflict(append, actual).into())
        }
        Some(_) if last.is_none() && !append.events.is_empty() => {
            return Err(unexpected("too few positions"));
        }
        Some(before) => {
            let before = Version::new(unsigned(before));
            Verdict::Appended(vec![appended(append, before, last)])
        }
    })
}

/// Reads what `append` returns: a verdict for each of the appends, in their order.
pub(super) fn of_many(batch: &[&Appends], row: &PgRow) -> Result<Vec<Verdict>, sqlx::Error> {
    let answer = Answer {
        verdicts: row.try_get(0)?,
        before: row.try_get(1)?,
        positions: row.try_get::<Option<_>, _>(2)?.unwrap_or_default(),
    };
    let mut stream = 0;
    let mut event = 0;
    let verdict = |appends: &&Appends| {
        let verdict = answer.verdict(appends, stream, event);
        stream += appends.streams.len();
        event += appends
            .streams
            .iter()
            .map(|append| append.events.len())
            .sum::<usize>();
        verdict
    };
    batch.iter().map(verdict).collect()
}

struct Answer {
    /// One for each stream.
    verdicts: Vec<i8>,
    /// The version of each stream before the append.
    before: Vec<i64>,
    /// One for each event; none if nothing was appended.
    positions: Vec<i64>,
}

impl Answer {
    /// The verdict on appends whose streams and events begin at these indexes.
    fn verdict(
        &self,
        appends: &Appends,
        stream: usize,
        mut event: usize,
    ) -> Result<Verdict, sqlx::Error> {
        let mut all = Vec::with_capacity(appends.streams.len());
        for (append, index) in appends.streams.iter().zip(stream..) {
            let (verdict, before) = match (self.verdicts.get(index), self.before.get(index)) {
                (Some(verdict), Some(before)) => {
                    (letter(*verdict), Version::new(unsigned(*before)))
                }
                _ => return Err(unexpected("too few verdicts")),
            };
            event += append.events.len();
            match verdict {
                b'a' => {
                    let last = event
                        .checked_sub(1)
                        .and_then(|last| self.positions.get(last));
                    all.push(appended(append, before, last.copied()));
                }
                // Another stream of the same append says why.
                b's' => {}
                b'b' => return Ok(Verdict::Busy(GuardKey::Stream(append.stream.clone()))),
                b'k' => return Ok(Verdict::Busy(GuardKey::Idempotency(key(appends)?))),
                b'r' => return Ok(Verdict::Repeat),
                b'u' => {
                    let key = key(appends)?;
                    return Ok(Verdict::Rejected(KeyReused::new(key).into()));
                }
                b'c' => return Ok(Verdict::Rejected(conflict(append, before).into())),
                other => return Err(unexpected(&char::from(other).to_string())),
            }
        }
        Ok(Verdict::Appended(all))
    }
}

fn appended(append: &Append, before: Version, last: Option<i64>) -> Appended {
    let has_events = !append.events.is_empty();
    Appended::new(
        append.stream.clone(),
        before,
        before.plus(append.events.len() as u64),
        last.filter(|_| has_events)
            .map(|position| Position::new(unsigned(position))),
    )
}

fn conflict(append: &Append, actual: Version) -> Conflict {
    Conflict::new(append.stream.clone(), append.expected, actual)
}

fn key(appends: &Appends) -> Result<IdempotencyKey, sqlx::Error> {
    let idempotency = appends.idempotency.as_ref();
    let idempotency = idempotency.ok_or_else(|| unexpected("a verdict on a key"))?;
    Ok(idempotency.key.clone())
}

fn letter(verdict: i8) -> u8 {
    verdict.cast_unsigned()
}

fn unexpected(verdict: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("the append function returned {verdict:?}").into())
}
