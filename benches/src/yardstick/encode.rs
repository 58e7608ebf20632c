//! Encodes typed events by hand.

use uuid::Uuid;

use crate::{Outcome, domain::AccountEvent};

/// Events as columns.
#[derive(Debug, Default)]
pub(super) struct Encoded {
    pub(super) ids: Vec<Uuid>,
    pub(super) types: Vec<&'static str>,
    pub(super) payloads: Vec<String>,
}

pub(super) fn encode(events: &[AccountEvent]) -> Outcome<Encoded> {
    let mut encoded = Encoded::default();
    for event in events {
        let (event_type, movement) = match event {
            AccountEvent::Deposited(movement) => ("Deposited", movement),
            AccountEvent::Withdrawn(movement) => ("Withdrawn", movement),
        };
        encoded.ids.push(Uuid::now_v7());
        encoded.types.push(event_type);
        encoded.payloads.push(serde_json::to_string(movement)?);
    }
    Ok(encoded)
}
