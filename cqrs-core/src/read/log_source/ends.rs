//! The current end of a log.

use super::reader::LONGEST_WAIT;
use crate::{
    model::Position,
    ports::{EventStore, StoreError, last_event_upto},
};

/// The position of the last event that is committed at the time of the call. Returns once that event can be read.
pub(super) async fn last_event<S: EventStore>(store: &S) -> Result<Position, StoreError> {
    let end = store.last_position().await?;
    while store.high_water_mark().await? < end {
        store.wait_for_append(LONGEST_WAIT).await;
    }
    last_event_upto(store, end).await
}
