//! Fills a table on the server itself, which is faster than appends.

use cqrs_core::StreamId;

use crate::{Outcome, database::Database, domain::AccountEvent};

/// How many streams are written at the same time. The events of one stream are this far apart.
pub(crate) const WAVE: u32 = 10_000;

/// How many events one statement writes.
const EVENTS_PER_STATEMENT: u32 = 1_000_000;

/// Inserts the events of [`AccountEvent::example`](crate::domain::AccountEvent::example) with the stream ids of [`id`].
/// `__wave__` streams take turns until all their events are written. Then the next ones follow.
const INSERT: &str = r#"
    insert into __schema__.events (
        position, category, aggregate_id, version, slice, event_id, event_type, schema_version, payload
    )
    select nextval('__schema__.position'), 'account',
           lpad(to_hex(stream / __wave__), 12, '0') || '-' || lpad(to_hex((stream * 2654435761) & 4294967295), 8, '0')
               || '-' || lpad(to_hex(stream), 12, '0'),
           version, (__slices__)[stream - __first__ + 1], gen_random_uuid(),
           case when n % 3 = 2 then 'Withdrawn' else 'Deposited' end, 1,
           ('{"cents":' || n % 1000 + 1 || ',"reference":"RF' || lpad(n::text, 12, '0')
               || '","note":"as agreed in the letter of March"}')::json
    from (
        select n, n / (__wave__ * __each__) * __wave__ + n % __wave__ as stream,
               n % (__wave__ * __each__) / __wave__ + 1 as version
        from generate_series(__from__::bigint, __to__ - 1) as n
        order by n offset 0
    ) as numbered"#;

/// The id of a stream. The ids of a wave share a prefix, like time-ordered ids, and have a random order after it.
pub(crate) fn id(number: u32) -> String {
    let wave = u64::from(number / WAVE);
    let number = u64::from(number);
    format!(
        "{wave:012x}-{:08x}-{number:012x}",
        (number * 2_654_435_761) & 0xffff_ffff
    )
}

/// Writes `streams` streams of `each` events into an empty table. `streams` should be a multiple of the wave.
pub(crate) async fn fill(database: &Database, streams: u32, each: u32) -> Outcome<()> {
    let events = streams * each;
    for from in (0..events).step_by(EVENTS_PER_STATEMENT as usize) {
        let to = events.min(from + EVENTS_PER_STATEMENT);
        let first = from / (WAVE * each) * WAVE;
        let end = to.div_ceil(WAVE * each) * WAVE;
        let numbers = [
            ("wave", WAVE),
            ("each", each),
            ("from", from),
            ("to", to),
            ("first", first),
        ];
        let insert = numbers
            .iter()
            .fold(INSERT.to_owned(), |insert, (name, number)| {
                insert.replace(&format!("__{name}__"), &number.to_string())
            });
        let slices = slices(first, end)?;
        database.run(&insert.replace("__slices__", &slices)).await?;
    }
    database.run("vacuum (analyze) __schema__.events").await
}

/// The slices of these streams, as an array of PostgreSQL. The server does not compute them, and rejects wrong ones.
fn slices(first: u32, end: u32) -> Outcome<String> {
    let mut slices = Vec::new();
    for number in first..end {
        slices.push(
            StreamId::of::<AccountEvent>(id(number))?
                .slice()
                .to_string(),
        );
    }
    Ok(format!("'{{{}}}'::smallint[]", slices.join(",")))
}
