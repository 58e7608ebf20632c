//! Appends to new streams through the port, without a command.

use std::time::Duration;

use cqrs_core::{EventStore, ExpectedVersion, Metadata, StreamId, model::NewEvent, ports::Append};

use super::{Setting, Sides, new_id};
use crate::{
    Outcome,
    domain::AccountEvent,
    measure::{alternate, rate},
};

pub(super) async fn measure(setting: &Setting<'_>, sides: &Sides<'_>) -> Outcome<()> {
    sides.clear().await?;
    let writers = setting.writers;
    let events = setting.events;
    let ours = async |time: Duration| {
        rate(writers, time, |_, mut turn| {
            let store = sides.store.clone();
            async move {
                while turn.should_continue() {
                    let append = append_to(new_id(), ExpectedVersion::NoStream, events)?;
                    store.append(append).await?;
                }
                Ok(turn)
            }
        })
        .await
    };
    let raw = async |time: Duration| {
        rate(writers, time, |_, mut turn| {
            let raw = sides.batched.clone();
            async move {
                while turn.should_continue() {
                    raw.insert(&new_id(), 0, &AccountEvent::examples(events))
                        .await?;
                }
                Ok(turn)
            }
        })
        .await
    };
    let pairs = alternate(setting.options.rounds, setting.options.turn(), ours, raw).await?;
    let point = setting.point("append", None, "one insert for all waiting calls");
    point.print(&pairs);
    Ok(())
}

/// An append of example events.
pub(crate) fn append_to(id: String, expected: ExpectedVersion, events: u32) -> Outcome<Append> {
    let encoded = AccountEvent::examples(events);
    let encoded = encoded
        .iter()
        .map(|event| NewEvent::encode(event, Metadata::default()));
    let events = encoded.collect::<Result<_, _>>()?;
    Ok(Append::new(
        StreamId::of::<AccountEvent>(id)?,
        expected,
        events,
    ))
}
