//! The last event of a log.

use crate::{
    model::Position,
    ports::{
        error::StoreError,
        event_store::{EventStore, LogQuery},
    },
};

/// The position of the last event at or before `end`, which the log can be read up to; the start if there is none.
pub(crate) async fn last_event_upto<S: EventStore>(
    store: &S,
    end: Position,
) -> Result<Position, StoreError> {
    // The last positions may be those of appends that were rolled back.
    let mut window = 1;
    loop {
        let after = Position::new(end.get().saturating_sub(window));
        let events = usize::try_from(window).unwrap_or(usize::MAX);
        if let Some(last) = last_between(store, LogQuery::new(after, events), end).await? {
            return Ok(last);
        }
        if after == Position::START {
            return Ok(Position::START);
        }
        window = window.saturating_mul(16);
    }
}

/// The last event of a page, up to `end`.
async fn last_between<S: EventStore>(
    store: &S,
    mut query: LogQuery<'_>,
    end: Position,
) -> Result<Option<Position>, StoreError> {
    let mut last = None;
    loop {
        let page = store.read_log(query).await?;
        let positions = page.events.iter().map(|event| event.position);
        last = positions
            .filter(|position| *position <= end)
            .max()
            .max(last);
        match page.upto {
            Some(upto) if page.cut => query = query.after(Position::new(upto.offset.get())),
            _ => return Ok(last),
        }
    }
}
