//! Whole streams, several in one statement: one round trip, and all of them as of one moment.

use cqrs_core::{StoreError, StreamId, Version, ports::PastEvent};

use super::{reader::ask, remember};
use crate::{append::Writing, connection::within, error::statement};

/// The events of each stream, in the order of `streams`.
pub(crate) async fn replay_all(
    writing: &Writing,
    streams: &[StreamId],
) -> Result<Vec<Vec<PastEvent>>, StoreError> {
    let from_the_start: Vec<_> = streams
        .iter()
        .map(|stream| (stream, Version::EMPTY))
        .collect();
    let mut connection = writing.lines.quick.free().await?;
    let asked = ask(writing, &mut connection, &from_the_start, usize::MAX);
    let past = within(writing.statement_limit(), asked).await;
    let past = connection.note(past).map_err(statement)?;
    let mut histories = Vec::with_capacity(streams.len());
    for (stream, past) in streams.iter().zip(past) {
        let events = past
            .map_err(statement)?
            .into_events(stream, Version::EMPTY)?;
        remember(writing, connection.log(), stream, &events);
        histories.push(events);
    }
    Ok(histories)
}
