//! The one place where a stored event becomes an event of an enum.

use crate::{
    codec::{self, CodecError},
    model::{
        decoded::Decoded,
        event::Event,
        upcaster::{
            Next, Recording, Upcaster, run,
            steps::{self, Known},
        },
    },
};

/// A stored event, as far as it is needed to decode it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored<'a> {
    pub(crate) event_type: &'a str,
    pub(crate) schema_version: u32,
    pub(crate) payload: &'a [u8],
    /// Needed by an enum whose upcasters [read it](steps::reads_recording).
    pub(crate) recording: Option<Recording<'a>>,
}

/// The stored event as the enum has it now.
///
/// Readers of events call this function, aggregates call [`decode_for_state`]; nothing else decodes. An event of the newest schema
/// version is read as it is. An older one goes through the upcasters. A newer one was written by newer code: a partial reader, which
/// needs only some of the fields, reads it as it is if it can.
///
/// # Errors
/// [`CodecError::NewerVersion`] for an event of newer code. Otherwise, when the type is unknown to an enum that is not partial, an
/// upcaster fails, or the payload does not fit the variant.
pub(crate) fn decode<E: Event>(stored: &Stored<'_>) -> Result<Decoded<E>, CodecError> {
    decode_as(stored, E::PARTIAL)
}

/// The stored event for the state of an aggregate. None is passed over because the enum is partial: the state would be wrong.
///
/// # Errors
/// As [`decode`], of an enum that is not partial.
pub(crate) fn decode_for_state<E: Event>(stored: &Stored<'_>) -> Result<Decoded<E>, CodecError> {
    decode_as(stored, false)
}

fn decode_as<E: Event>(stored: &Stored<'_>, partial: bool) -> Result<Decoded<E>, CodecError> {
    const { steps::check(E::UPCASTERS) };
    let Stored {
        event_type,
        schema_version,
        payload,
        ..
    } = *stored;
    match steps::known(E::UPCASTERS, event_type, schema_version) {
        Known::Current => read(event_type, payload, partial),
        Known::Older(_) if partial && !leads_to::<E>(stored)? => Ok(Decoded::Nothing),
        Known::Older(step) => Upcasting::new(stored.recording, partial).all(step, payload),
        Known::Newer => newer(stored, partial),
    }
}

/// An event of the enum's current shape.
fn read<E: Event>(
    event_type: &str,
    payload: &[u8],
    partial: bool,
) -> Result<Decoded<E>, CodecError> {
    match codec::decode(event_type, payload) {
        Ok(event) => Ok(Decoded::One(event)),
        Err(CodecError::UnknownType { .. }) if partial => Ok(Decoded::Nothing),
        Err(error) => Err(error),
    }
}

fn newer<E: Event>(stored: &Stored<'_>, partial: bool) -> Result<Decoded<E>, CodecError> {
    let event_type = stored.event_type;
    let known = steps::current(E::UPCASTERS, event_type);
    if known == steps::FIRST && !codec::event_types::<E>()?.contains(&event_type) {
        // Nothing tells that newer code wrote it: this code may have lost the type.
        return read(event_type, stored.payload, partial);
    }
    if partial && let Ok(decoded) = read(event_type, stored.payload, partial) {
        return Ok(decoded);
    }
    Err(CodecError::NewerVersion {
        event_type: event_type.to_owned(),
        schema_version: stored.schema_version,
        known,
    })
}

/// Whether the enum reads something that the older event becomes.
fn leads_to<E: Event>(stored: &Stored<'_>) -> Result<bool, CodecError> {
    let from = (stored.event_type, stored.schema_version);
    Ok(steps::leads_to(
        E::UPCASTERS,
        from,
        codec::event_types::<E>()?,
    ))
}

/// Runs the upcasters of one older event.
struct Upcasting<'a, E> {
    recording: Option<Recording<'a>>,
    partial: bool,
    split: bool,
    /// The number of the next part. Parts that the enum does not read are counted, so that all readers give a part the same number.
    next_part: u32,
    events: Vec<(u32, E)>,
}

impl<'a, E: Event> Upcasting<'a, E> {
    fn new(recording: Option<Recording<'a>>, partial: bool) -> Self {
        Self {
            recording,
            partial,
            split: false,
            next_part: 0,
            events: Vec::new(),
        }
    }

    fn all(mut self, first: &'static Upcaster, payload: &[u8]) -> Result<Decoded<E>, CodecError> {
        self.follow(first, payload)?;
        Ok(match self.events.pop() {
            None => Decoded::Nothing,
            Some((_, event)) if !self.split => Decoded::One(event),
            Some(last) => {
                self.events.push(last);
                Decoded::Several(self.events)
            }
        })
    }

    /// Runs an upcaster and all that follow from it.
    fn follow(&mut self, mut step: &'static Upcaster, payload: &[u8]) -> Result<(), CodecError> {
        let mut changed: Option<Vec<u8>> = None;
        loop {
            let before = changed.as_deref().unwrap_or(payload);
            let target = match run(step, before, self.recording.as_ref())? {
                Next::Nothing => {
                    self.next_part += 1;
                    return Ok(());
                }
                Next::Several(parts) => {
                    self.split = true;
                    for (target, payload) in parts {
                        match steps::known(E::UPCASTERS, target.0, target.1) {
                            Known::Older(step) => self.follow(step, &payload)?,
                            _ => self.read(step, target.0, &payload)?,
                        }
                    }
                    return Ok(());
                }
                Next::Renamed(target) => target,
                Next::One(target, payload) => {
                    changed = Some(payload);
                    target
                }
            };
            match steps::known(E::UPCASTERS, target.0, target.1) {
                Known::Older(next) => step = next,
                _ => return self.read(step, target.0, changed.as_deref().unwrap_or(payload)),
            }
        }
    }

    /// Reads what the last upcaster returned.
    fn read(
        &mut self,
        last: &Upcaster,
        event_type: &str,
        payload: &[u8],
    ) -> Result<(), CodecError> {
        let part = self.next_part;
        self.next_part += 1;
        let decoded =
            read(event_type, payload, self.partial).map_err(|error| last.failed(error))?;
        self.events
            .extend(decoded.into_iter().map(|event| (part, event)));
        Ok(())
    }
}
