//! Decodes typed events by hand.

use sqlx::{Row, postgres::PgRow};

use crate::{Outcome, domain::AccountEvent};

/// The event in the columns `event_type` and `payload`. `first` is the index of the first one.
pub(super) fn decode(row: &PgRow, first: usize) -> Outcome<AccountEvent> {
    let event_type: &str = row.try_get(first)?;
    let payload = row.try_get_raw(first + 1)?;
    let payload = payload.as_bytes()?;
    match event_type {
        "Deposited" => Ok(AccountEvent::Deposited(serde_json::from_slice(payload)?)),
        "Withdrawn" => Ok(AccountEvent::Withdrawn(serde_json::from_slice(payload)?)),
        other => Err(format!("event type {other:?} is unknown").into()),
    }
}
