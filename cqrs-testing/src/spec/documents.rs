//! The documents of a view, as a store keeps them: as JSON from one batch to the next.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    marker::PhantomData,
};

use cqrs_core::{RecordedEvent, View};
use serde_json::Value;

use super::recorded::envelopes;

/// The documents of a view by their keys.
pub(crate) struct Documents<V> {
    json: BTreeMap<String, Vec<u8>>,
    view: PhantomData<fn() -> V>,
}

impl<V> fmt::Debug for Documents<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.json.keys()).finish()
    }
}

impl<V> Default for Documents<V> {
    fn default() -> Self {
        Self {
            json: BTreeMap::new(),
            view: PhantomData,
        }
    }
}

impl<V: View> Documents<V> {
    /// Handles a batch as a runner does: reads each document once, changes it in memory, and writes it once.
    pub(crate) fn handle(&mut self, view: &V, batch: &[RecordedEvent]) -> Result<(), String> {
        let mut changed: BTreeMap<String, Option<V::Document>> = BTreeMap::new();
        for recorded in batch {
            for event in envelopes::<V::Events>(recorded)? {
                for key in view.keys(&event).iter() {
                    let document = match changed.remove(key) {
                        Some(document) => document,
                        None => self.read(key)?,
                    };
                    changed.insert(key.clone(), view.apply(key, document, &event));
                }
            }
        }
        changed
            .into_iter()
            .try_for_each(|(key, document)| self.write(key, document))
    }

    fn read(&self, key: &str) -> Result<Option<V::Document>, String> {
        let read = |json: &Vec<u8>| {
            serde_json::from_slice(json).map_err(|error| {
                let json = String::from_utf8_lossy(json);
                format!("the document {key:?} cannot be read back: {error}; it is {json}")
            })
        };
        self.json.get(key).map(read).transpose()
    }

    fn write(&mut self, key: String, document: Option<V::Document>) -> Result<(), String> {
        let Some(document) = document else {
            self.json.remove(&key);
            return Ok(());
        };
        let json = serde_json::to_vec(&document)
            .map_err(|error| format!("the document {key:?} cannot be written as JSON: {error}"))?;
        self.json.insert(key, json);
        Ok(())
    }

    /// The documents, read back.
    pub(crate) fn read_all(&self) -> Result<BTreeMap<String, V::Document>, String> {
        let mut documents = BTreeMap::new();
        for key in self.json.keys() {
            documents.extend(self.read(key)?.map(|document| (key.clone(), document)));
        }
        Ok(documents)
    }

    /// Compares what is kept, whatever the order of the fields.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let value = |json: &Vec<u8>| serde_json::from_slice::<Value>(json).ok();
        let keys = self.json.keys().chain(other.json.keys());
        keys.collect::<BTreeSet<_>>().into_iter().all(|key| {
            let same = (self.json.get(key), other.json.get(key));
            matches!(same, (Some(one), Some(two)) if one == two || value(one) == value(two))
        })
    }
}
