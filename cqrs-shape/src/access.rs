//! The parts of a sequence, map, struct or enum that a probe offers to a type.

use std::vec;

use serde::de::{
    DeserializeSeed, EnumAccess, MapAccess, SeqAccess, value::BorrowedStrDeserializer,
};

use super::{
    pass::Pass,
    probe::{Place, Probe, ReadEnded},
    route::Step,
};

/// Parts in the order in which they are offered. Each is offered once, even after an error, so that a visitor that ignores
/// errors still ends.
pub(super) struct Parts<'p, 'r> {
    pass: &'p mut Pass<'r>,
    left: vec::IntoIter<(Step, Place)>,
    /// The place of the value that belongs to the last key.
    value: Option<Place>,
}

impl<'p, 'r> Parts<'p, 'r> {
    pub(super) fn new(pass: &'p mut Pass<'r>, parts: Vec<(Step, Place)>) -> Self {
        let left = parts.into_iter();
        Self {
            pass,
            left,
            value: None,
        }
    }

    fn probe(&mut self, place: Place) -> Probe<'_, 'r> {
        Probe {
            pass: self.pass,
            place,
        }
    }
}

impl<'de> SeqAccess<'de> for Parts<'_, '_> {
    type Error = ReadEnded;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ReadEnded> {
        self.left
            .next()
            .map(|(_, place)| seed.deserialize(self.probe(place)))
            .transpose()
    }
}

impl<'de> MapAccess<'de> for Parts<'_, '_> {
    type Error = ReadEnded;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ReadEnded> {
        let Some((step, place)) = self.left.next() else {
            return Ok(None);
        };
        self.value = (step != Step::Key).then_some(place);
        match step {
            Step::Field(name) => seed.deserialize(BorrowedStrDeserializer::new(name)),
            Step::Key => seed.deserialize(self.probe(place)),
            _ => seed.deserialize(self.probe(Place::BESIDE)),
        }
        .map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadEnded> {
        let place = self.value.take().ok_or_else(ReadEnded::default)?;
        seed.deserialize(self.probe(place))
    }

    /// Skips the key on the way to a value: its type might reject every sample.
    fn next_entry_seed<K: DeserializeSeed<'de>, V: DeserializeSeed<'de>>(
        &mut self,
        key: K,
        value: V,
    ) -> Result<Option<(K::Value, V::Value)>, ReadEnded> {
        if let Some(&(Step::Value, place)) = self.left.as_slice().first() {
            self.left.next();
            value.deserialize(self.probe(place))?;
            return Err(ReadEnded::default());
        }
        let Some(key) = self.next_key_seed(key)? else {
            return Ok(None);
        };
        Ok(Some((key, self.next_value_seed(value)?)))
    }
}

/// A variant, and the probe for its content.
pub(super) struct Chosen<'p, 'r> {
    pub(super) variant: &'static str,
    pub(super) probe: Probe<'p, 'r>,
}

impl<'de, 'p, 'r> EnumAccess<'de> for Chosen<'p, 'r> {
    type Error = ReadEnded;
    type Variant = Probe<'p, 'r>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Probe<'p, 'r>), ReadEnded> {
        let variant = seed.deserialize(BorrowedStrDeserializer::<ReadEnded>::new(self.variant))?;
        Ok((variant, self.probe))
    }
}
