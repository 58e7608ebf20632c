//! Reads the whole log without skipping an event that commits later.
//!
//! **Invariant**: three reads, one after the other: (a) the sequence, (b) the lowest fence held, (c) the rows up to the lower of
//! the two, in a snapshot of their own. (a) and (b) are separate statements of one function; (c) is sent after its answer. Any
//! two of them in one snapshot lose events.

use cqrs_core::{
    EventId, Position, StoreError,
    model::{Checkpoint, Reads, Slices},
    ports::{LogPage, LogQuery},
};
use uuid::Uuid;

use crate::{
    connection::{GuardedConnection, within},
    error::statement,
    row::{self, signed, unsigned},
    store::PgEventStore,
};

/// How far the log can be read, and how far positions were drawn.
struct Head {
    mark: Position,
    drawn: Position,
}

/// Steps (a) and (b).
pub(crate) async fn high_water_mark(
    store: &PgEventStore,
    connection: &mut GuardedConnection,
) -> Result<Position, StoreError> {
    Ok(head(store, connection).await?.mark)
}

/// The last position that was drawn. No event has a later one.
pub(crate) async fn last_position(
    store: &PgEventStore,
    connection: &mut GuardedConnection,
) -> Result<Position, StoreError> {
    Ok(head(store, connection).await?.drawn)
}

async fn head(
    store: &PgEventStore,
    connection: &mut GuardedConnection,
) -> Result<Head, StoreError> {
    let query = sqlx::query_as(store.backend().statements.log_head.sql());
    let head = within(
        store.backend().statement_limit(),
        query.fetch_one(&mut **connection),
    )
    .await;
    let (mark, drawn): (i64, i64) = connection.note(head).map_err(statement)?;
    let head = Head {
        mark: Position::new(unsigned(mark)),
        drawn: Position::new(unsigned(drawn)),
    };
    store.watch_mark(head.mark, head.drawn);
    Ok(head)
}

/// A statement that skips events searches this many positions, or twice the requested number of events if that is more. So no
/// statement runs for long, and a large page needs only one.
const WINDOW: u64 = 20_000;

/// A page of the log: all three steps, on one session.
pub(crate) async fn read(store: &PgEventStore, query: LogQuery<'_>) -> Result<LogPage, StoreError> {
    let mut connection = store.backend().acquire().await?;
    let mark = high_water_mark(store, &mut connection).await?;
    let mut after = query.after;
    while after < mark {
        let window = WINDOW.max((query.limit as u64).saturating_mul(2));
        let end = if skips_events(&query) {
            mark.min(Position::new(after.get().saturating_add(window)))
        } else {
            mark
        };
        let page = read_window(store, &mut connection, query.after(after), end).await?;
        if page.upto.is_some() {
            return Ok(page);
        }
        // No event at all: all these positions were rolled back.
        after = end;
    }
    Ok(LogPage::default())
}

fn skips_events(query: &LogQuery<'_>) -> bool {
    !query.reads.is_empty() || query.slices != Slices::ALL
}

/// The events in (after, end].
async fn read_window(
    store: &PgEventStore,
    connection: &mut GuardedConnection,
    query: LogQuery<'_>,
    end: Position,
) -> Result<LogPage, StoreError> {
    let events = row::read_streams(&rows(store, connection, &query, end).await?)?;
    let last = events
        .last()
        .map(|event| Checkpoint::after(event.position, event.id));
    if events.len() == query.limit || !skips_events(&query) {
        return Ok(LogPage::new(events, last));
    }
    let searched = last.map_or(query.after, |checkpoint| {
        Position::new(checkpoint.offset.get())
    });
    let beyond = last_event(store, connection, searched, end).await?;
    Ok(LogPage::new(events, beyond.or(last)))
}

async fn rows(
    store: &PgEventStore,
    connection: &mut GuardedConnection,
    query: &LogQuery<'_>,
    mark: Position,
) -> Result<Vec<sqlx::postgres::PgRow>, StoreError> {
    let statements = &store.backend().statements;
    let slice = |number: u16| i16::try_from(number).expect("slices end at 1,024");
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let sql = if query.reads.is_empty() {
        &statements.read_log
    } else {
        &statements.read_log_filtered
    };
    let mut rows = sqlx::query(sql.sql())
        .bind(signed(query.after.get()))
        .bind(signed(mark.get()))
        .bind(slice(query.slices.from()))
        .bind(slice(query.slices.to()))
        .bind(limit);
    if !query.reads.is_empty() {
        let (whole, (categories, types)) = filter(query.reads);
        rows = rows.bind(whole).bind(categories).bind(types);
    }
    let rows = within(
        store.backend().statement_limit(),
        rows.fetch_all(&mut **connection),
    )
    .await;
    connection.note(rows).map_err(statement)
}

/// The categories that are read whole, and (category, type) pairs.
fn filter(reads: &[Reads]) -> (Vec<&'static str>, (Vec<&'static str>, Vec<&'static str>)) {
    let whole = reads
        .iter()
        .filter(|read| read.types.is_empty())
        .map(|read| read.category);
    let pairs = reads.iter().flat_map(|read| {
        read.types
            .iter()
            .map(|event_type| (read.category, *event_type))
    });
    (whole.collect(), pairs.unzip())
}

/// The last event after `after`, of any type: the next read begins behind what was searched and did not match.
async fn last_event(
    store: &PgEventStore,
    connection: &mut GuardedConnection,
    after: Position,
    mark: Position,
) -> Result<Option<Checkpoint>, StoreError> {
    let query = sqlx::query_as(store.backend().statements.last_in_log.sql());
    let query = query.bind(signed(after.get())).bind(signed(mark.get()));
    let last = within(
        store.backend().statement_limit(),
        query.fetch_optional(&mut **connection),
    )
    .await;
    let last: Option<(i64, Uuid)> = connection.note(last).map_err(statement)?;
    Ok(last.map(|(position, id)| {
        Checkpoint::after(Position::new(unsigned(position)), EventId::from_uuid(id))
    }))
}
