//! Runs one upcaster.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;

use super::{Recording, Step, Target, Upcaster};
use crate::{
    codec::{self, CodecError, bounded},
    model::panic::message_of,
};

/// What an upcaster makes of an event.
#[derive(Debug)]
pub(crate) enum Next {
    Nothing,
    One(Target, Vec<u8>),
    Renamed(Target),
    Several(Vec<(Target, Vec<u8>)>),
}

/// Runs an upcaster. Nothing that it has touched is used after a panic.
pub(crate) fn run(
    upcaster: &Upcaster,
    payload: &[u8],
    recording: Option<&Recording<'_>>,
) -> Result<Next, CodecError> {
    let step = || next(upcaster, payload, recording);
    let caught = catch_unwind(AssertUnwindSafe(step));
    caught
        .unwrap_or_else(|panic| Err(CodecError::Panicked(bounded(&message_of(&*panic)))))
        .map_err(|error| upcaster.failed(error))
}

fn next(
    upcaster: &Upcaster,
    payload: &[u8],
    recording: Option<&Recording<'_>>,
) -> Result<Next, CodecError> {
    let newer = (upcaster.event_type, upcaster.from + 1);
    Ok(match upcaster.step {
        Step::Typed(change) => Next::One(newer, change(payload)?),
        Step::Json(change) => Next::One(newer, changed(payload, change)?),
        Step::Recorded(change) => {
            let recording = recording.ok_or_else(not_read)?;
            Next::One(newer, changed(payload, |value| change(value, recording))?)
        }
        Step::Renamed(target) => Next::Renamed(target),
        Step::Split(into, split) => {
            let parts = split(&value(payload)?).into_iter();
            let encoded = parts.map(|part| {
                let listed = into.iter().find(|(listed, _)| *listed == part.event_type);
                let unlisted = || CodecError::UnlistedPart(part.event_type.to_owned());
                let target = *listed.ok_or_else(unlisted)?;
                Ok((target, codec::to_payload(&part.payload)?))
            });
            Next::Several(encoded.collect::<Result<_, CodecError>>()?)
        }
        Step::Dropped => Next::Nothing,
    })
}

fn changed(payload: &[u8], change: impl FnOnce(&mut Value)) -> Result<Vec<u8>, CodecError> {
    let mut value = value(payload)?;
    change(&mut value);
    codec::to_payload(&value)
}

fn value(payload: &[u8]) -> Result<Value, CodecError> {
    codec::check_integers(payload)?;
    Ok(serde_json::from_slice(payload)?)
}

fn not_read() -> CodecError {
    CodecError::Custom("the event was read without its recording".to_owned())
}

impl Upcaster {
    /// This upcaster, or the reader of what it returned, failed.
    pub(crate) fn failed(&self, reason: CodecError) -> CodecError {
        CodecError::Upcast {
            event_type: self.event_type.to_owned(),
            schema_version: self.from,
            reason: Box::new(reason),
        }
    }
}
