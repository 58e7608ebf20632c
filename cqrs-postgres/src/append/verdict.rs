//! What the SQL functions answer, and what it means for each append.

use cqrs_core::{
    Append, AppendError as WriteError, Appended, Appends, IdempotencyKey, Position, Version,
    model::{Conflict, KeyReused},
};
use sqlx::{Row, postgres::PgRow};

use super::turns::Guarded;
use crate::row::unsigned;

/// What became of one append.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It was made.
    Appended(Vec<Appended>),
    /// It was refused for good.
    Refused(WriteError),
    /// It was made before, under its key.
    Repeat,
    /// Somebody else is at one of its streams, or at its key.
    Busy(Guarded),
}

/// Reads the answer of `append_event` and of `append_to_one`: none if it has to be asked again.
pub(super) fn of_one(append: &Append, row: &PgRow) -> Result<Option<Verdict>, sqlx::Error> {
    let Some(answer) = row.try_get::<Option<Vec<Option<i64>>>, _>(0)? else {
        return Ok(None);
    };
    let (stood, last) = match *answer {
        [stood] => (stood, None),
        [stood, last] => (stood, last),
        _ => return Err(unheard("another number of numbers")),
    };
    of_stream(append, stood, last).map(Some)
}

/// Reads the answer of `append_each`: a verdict for each of the appends, in their order; none if they have to be asked again.
pub(super) fn of_each(
    appends: &[&Append],
    row: &PgRow,
) -> Result<Option<Vec<Verdict>>, sqlx::Error> {
    let Some(answer) = row.try_get::<Option<Vec<Option<i64>>>, _>(0)? else {
        return Ok(None);
    };
    let (stood, positions) = answer
        .split_at_checked(appends.len())
        .ok_or_else(|| unheard("too few verdicts"))?;
    let all: usize = appends.iter().map(|append| append.events.len()).sum();
    let mut events = 0;
    let verdict = |(append, stood): (&&Append, &Option<i64>)| {
        events += append.events.len();
        of_stream(append, *stood, position(positions, events, all))
    };
    let verdicts = appends.iter().zip(stood).map(verdict);
    verdicts.collect::<Result<_, _>>().map(Some)
}

/// The position of the nth event of all. One position alone is the last one's, and those before it are right below.
fn position(positions: &[Option<i64>], nth: usize, all: usize) -> Option<i64> {
    match *positions {
        [last] => Some(last? - i64::try_from(all - nth).ok()?),
        _ => *positions.get(nth.checked_sub(1)?)?,
    }
}

/// From where the stream stood: as -1 minus the version if that is not the one expected, not at all if somebody is at it.
fn of_stream(
    append: &Append,
    stood: Option<i64>,
    last: Option<i64>,
) -> Result<Verdict, sqlx::Error> {
    Ok(match stood {
        None => Verdict::Busy(Guarded::Stream(append.stream.clone())),
        Some(stood) if stood < 0 => {
            let actual = Version::new(unsigned(-1 - stood));
            Verdict::Refused(conflict(append, actual).into())
        }
        Some(_) if last.is_none() && !append.events.is_empty() => {
            return Err(unheard("too few positions"));
        }
        Some(stood) => {
            let before = Version::new(unsigned(stood));
            Verdict::Appended(vec![appended(append, before, last)])
        }
    })
}

/// Reads the answer of `append`: a verdict for each of the appends, in their order.
pub(super) fn of_many<'a>(
    appends: impl IntoIterator<Item = &'a Appends>,
    row: &PgRow,
) -> Result<Vec<Verdict>, sqlx::Error> {
    let answer = Answer {
        verdicts: row.try_get(0)?,
        before: row.try_get(1)?,
        positions: row.try_get::<Option<_>, _>(2)?.unwrap_or_default(),
    };
    let (mut stream, mut event) = (0, 0);
    let verdict = |appends: &'a Appends| {
        let verdict = answer.verdict(appends, stream, event);
        stream += appends.streams.len();
        event += appends
            .streams
            .iter()
            .map(|append| append.events.len())
            .sum::<usize>();
        verdict
    };
    appends.into_iter().map(verdict).collect()
}

struct Answer {
    /// Of each stream.
    verdicts: Vec<i8>,
    /// The version of each stream, as it was.
    before: Vec<i64>,
    /// Of each event; of none if none was appended.
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
                _ => return Err(unheard("too few verdicts")),
            };
            event += append.events.len();
            match verdict {
                b'a' => {
                    let last = event
                        .checked_sub(1)
                        .and_then(|last| self.positions.get(last));
                    all.push(appended(append, before, last.copied()));
                }
                // Another stream of the same append is the one that says why.
                b's' => {}
                b'b' => return Ok(Verdict::Busy(Guarded::Stream(append.stream.clone()))),
                b'k' => return Ok(Verdict::Busy(Guarded::Key(key(appends)?))),
                b'r' => return Ok(Verdict::Repeat),
                b'u' => {
                    let key = key(appends)?;
                    return Ok(Verdict::Refused(KeyReused { key }.into()));
                }
                b'c' => return Ok(Verdict::Refused(conflict(append, before).into())),
                other => return Err(unheard(&char::from(other).to_string())),
            }
        }
        Ok(Verdict::Appended(all))
    }
}

fn appended(append: &Append, before: Version, last: Option<i64>) -> Appended {
    let some = !append.events.is_empty();
    Appended {
        stream: append.stream.clone(),
        before,
        version: before.plus(append.events.len() as u64),
        position: last
            .filter(|_| some)
            .map(|position| Position::new(unsigned(position))),
        repeated: false,
    }
}

fn conflict(append: &Append, actual: Version) -> Conflict {
    Conflict {
        stream: append.stream.clone(),
        expected: append.expected,
        actual,
    }
}

fn key(appends: &Appends) -> Result<IdempotencyKey, sqlx::Error> {
    let idempotency = appends.idempotency.as_ref();
    let idempotency = idempotency.ok_or_else(|| unheard("a verdict on a key"))?;
    Ok(idempotency.key.clone())
}

/// There was none although the server had to look.
pub(super) fn none() -> sqlx::Error {
    unheard("nothing")
}

fn letter(verdict: i8) -> u8 {
    verdict.cast_unsigned()
}

fn unheard(verdict: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("the append function answered {verdict:?}").into())
}
