//! Reads the whole log without skipping an event that commits later.
//!
//! **Invariant**: three reads, one after the other: (a) the sequence, (b) the lowest fence held, (c) the rows up to the lower of
//! the two, in a snapshot of their own. (a) and (b) are separate statements of one function; (c) is sent after its answer. Any
//! two of them in one snapshot lose events.

use cqrs_core::{
    EventId, Position, StoreError,
    model::{Checkpoint, EventFilter, Slices},
    ports::{LogPage, LogQuery},
};
use futures::{Stream, TryStreamExt};
use sqlx::{Error, postgres::PgRow};
use uuid::Uuid;

use crate::{
    connect::connection::GuardedConnection,
    error::statement,
    row::{self, signed, unsigned},
    store::PgEventStore,
};

/// How far the log can be read, how far positions were drawn, and the event at a position.
struct LogHead {
    mark: Position,
    drawn: Position,
    follows: Option<EventId>,
}

/// Steps (a) and (b).
pub(crate) async fn high_water_mark(
    store: &PgEventStore,
    connection: &mut GuardedConnection,
) -> Result<Position, StoreError> {
    Ok(head(store, connection, Position::START).await?.mark)
}

/// The last position that was drawn. No event has a later one.
pub(crate) async fn last_position(
    store: &PgEventStore,
    connection: &mut GuardedConnection,
) -> Result<Position, StoreError> {
    Ok(head(store, connection, Position::START).await?.drawn)
}

async fn head(
    store: &PgEventStore,
    connection: &mut GuardedConnection,
    at: Position,
) -> Result<LogHead, StoreError> {
    let query = sqlx::query_as(store.backend().statements.log_head.sql()).bind(signed(at.get()));
    let asked = connection
        .ask(async |connection| query.fetch_one(connection).await)
        .await;
    let (mark, drawn, follows): (i64, i64, Option<Uuid>) = asked.map_err(statement)?;
    let head = LogHead {
        mark: Position::new(unsigned(mark)),
        drawn: Position::new(unsigned(drawn)),
        follows: follows.map(EventId::from_uuid),
    };
    store.watch_mark(head.mark, head.drawn);
    Ok(head)
}

/// A statement that skips events searches this many positions, or twice the requested number of events if that is more. So no
/// statement runs for long, and a large page needs only one.
const WINDOW: u64 = 20_000;

/// The positions that one statement searches for this many events.
pub(super) fn window(events: usize) -> u64 {
    WINDOW.max((events as u64).saturating_mul(2))
}

/// A page of the log: all three steps, on one session.
pub(crate) async fn read(store: &PgEventStore, query: LogQuery<'_>) -> Result<LogPage, StoreError> {
    let mut connection = store.backend().acquire().await?;
    let LogHead { mark, follows, .. } = head(store, &mut connection, query.after).await?;
    let mark = query.upto.map_or(mark, |upto| mark.min(upto));
    let mut after = query.after;
    while after < mark {
        let end = if skips_events(&query) {
            let positions = window(query.limit);
            mark.min(Position::new(after.get().saturating_add(positions)))
        } else {
            mark
        };
        let window = Window {
            follows: query.after,
            query: query.after(after),
            end,
        };
        let page = read_window(store, &mut connection, &window).await?;
        if page.upto.is_some() {
            return Ok(page);
        }
        // No event at all: all these positions were rolled back.
        after = end;
    }
    Ok(LogPage::new(Vec::new(), None).follows(follows))
}

fn skips_events(query: &LogQuery<'_>) -> bool {
    !query.reads.is_empty() || query.slices != Slices::ALL
}

/// A part of a page's search: the positions after `query.after`, up to `end`.
struct Window<'a> {
    /// The position that the page follows. Statements read the event there in their own snapshot: it identifies the
    /// log of their rows.
    follows: Position,
    query: LogQuery<'a>,
    end: Position,
}

/// The events in (after, end].
async fn read_window(
    store: &PgEventStore,
    connection: &mut GuardedConnection,
    window: &Window<'_>,
) -> Result<LogPage, StoreError> {
    let query = &window.query;
    let Rows { rows, cut } = rows(store, connection, window).await?;
    let events = row::read_streams(&rows)?;
    let last = events
        .last()
        .map(|event| Checkpoint::after(event.position, event.id));
    let follows = rows.first().map(row::follows).transpose()?.flatten();
    if cut {
        return Ok(LogPage::new(events, last).follows(follows).cut());
    }
    if events.len() == query.limit || !skips_events(query) {
        return Ok(LogPage::new(events, last).follows(follows));
    }
    let searched = last.map_or(query.after, |checkpoint| {
        Position::new(checkpoint.offset.get())
    });
    match last_event(store, connection, window, searched).await? {
        Some((beyond, follows)) => Ok(LogPage::new(events, Some(beyond)).follows(follows)),
        None => Ok(LogPage::new(events, last).follows(follows)),
    }
}

/// The rows of a window, up to the bytes of a page.
pub(super) struct Rows {
    pub(super) rows: Vec<PgRow>,
    /// There are perhaps more rows.
    cut: bool,
}

async fn rows(
    store: &PgEventStore,
    connection: &mut GuardedConnection,
    window: &Window<'_>,
) -> Result<Rows, StoreError> {
    let query = &window.query;
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
        .bind(signed(window.end.get()))
        .bind(slice(query.slices.from()))
        .bind(slice(query.slices.to()))
        .bind(limit)
        .bind(signed(window.follows.get()));
    if !query.reads.is_empty() {
        let (whole, (categories, types)) = filter(query.reads);
        rows = rows.bind(whole).bind(categories).bind(types);
    }
    let rows = connection
        .ask(async |connection| up_to_bytes(rows.fetch(connection), query.limit, query.bytes).await)
        .await;
    rows.map_err(statement)
}

/// Takes rows until the page is full. The connection passes over the rest before its next statement.
pub(super) async fn up_to_bytes(
    mut stream: impl Stream<Item = Result<PgRow, Error>> + Unpin,
    limit: usize,
    most: usize,
) -> Result<Rows, Error> {
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while let Some(row) = stream.try_next().await? {
        bytes += row::payload(&row)?.len();
        rows.push(row);
        if bytes >= most && rows.len() < limit {
            return Ok(Rows { rows, cut: true });
        }
    }
    Ok(Rows { rows, cut: false })
}

/// The categories that are read whole, and (category, type) pairs.
fn filter(reads: &[EventFilter]) -> (Vec<&'static str>, (Vec<&'static str>, Vec<&'static str>)) {
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

/// The last event after `searched`, of any type, with the event that the page follows. The next page begins after what was
/// searched and did not match.
async fn last_event(
    store: &PgEventStore,
    connection: &mut GuardedConnection,
    window: &Window<'_>,
    searched: Position,
) -> Result<Option<(Checkpoint, Option<EventId>)>, StoreError> {
    let query = sqlx::query_as(store.backend().statements.last_in_log.sql())
        .bind(signed(searched.get()))
        .bind(signed(window.end.get()))
        .bind(signed(window.follows.get()));
    let asked = connection
        .ask(async |connection| query.fetch_optional(connection).await)
        .await;
    let last: Option<(i64, Uuid, Option<Uuid>)> = asked.map_err(statement)?;
    Ok(last.map(|(position, id, follows)| {
        let position = Position::new(unsigned(position));
        let last = Checkpoint::after(position, EventId::from_uuid(id));
        (last, follows.map(EventId::from_uuid))
    }))
}
