//! The events that a test gives, because none can be generated of their types.

use std::any::TypeId;

use cqrs_core::{Event, Metadata, model::NewEvent};

use super::{key::short_name, line::has_large_integer};

/// Samples of any enums.
#[derive(Debug, Default)]
pub(super) struct Samples(pub(super) Vec<Sample>);

#[derive(Debug)]
pub(super) struct Sample {
    pub(super) of: TypeId,
    /// The name of its enum in Rust.
    pub(super) name: &'static str,
    pub(super) event: NewEvent,
}

impl Samples {
    /// Encodes a sample as it would be stored.
    pub(super) fn add<E: Event>(&mut self, event: &E) -> Result<(), String> {
        let name = short_name::<E>();
        let event = NewEvent::encode(event, Metadata::default()).map_err(|error| {
            let error = cqrs_core::chain(&error);
            format!("a sample of `{name}` cannot be stored: {error}.")
        })?;
        if has_large_integer(&String::from_utf8_lossy(&event.payload)) {
            return Err(format!(
                "a sample of `{name}::{}` has an integer of more than 64 bits, which cannot be compared.\n  Give a smaller one.",
                event.event_type
            ));
        }
        self.0.push(Sample {
            of: TypeId::of::<E>(),
            name,
            event,
        });
        Ok(())
    }

    /// The samples of an enum.
    pub(super) fn of(&self, id: TypeId) -> Vec<NewEvent> {
        let own = self.0.iter().filter(|sample| sample.of == id);
        own.map(|sample| sample.event.clone()).collect()
    }

    /// What is wrong with samples of enums that are not listed.
    pub(super) fn of_others(&self, listed: &[TypeId]) -> Vec<String> {
        let others = self.0.iter().filter(|it| !listed.contains(&it.of));
        let mut wrong: Vec<_> = others
            .map(|it| {
                format!(
                    "there is a `.sample(..)` of `{}`, which is not listed.\n  List the enum, or remove the sample.",
                    it.name
                )
            })
            .collect();
        wrong.dedup();
        wrong
    }
}
