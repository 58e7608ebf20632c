//! The documents that a transaction has written, and its view of all documents.

use std::collections::{BTreeMap, HashSet};

use super::{DocumentKey, State};
use crate::ports::{Document, DocumentConflict, DocumentWrite};

#[derive(Debug, Default)]
pub(super) struct StagedDocuments {
    /// The version that each document must still have at commit.
    guards: BTreeMap<DocumentKey, u64>,
    /// The documents as the transaction left them; `None` was removed.
    written: BTreeMap<DocumentKey, Option<Document>>,
    cleared: HashSet<String>,
}

impl StagedDocuments {
    pub(super) fn get<'a>(&'a self, state: &'a State, key: &DocumentKey) -> Option<&'a Document> {
        match self.written.get(key) {
            Some(written) => written.as_ref(),
            None if self.cleared.contains(&key.0) => None,
            None => state.documents.get(key),
        }
    }

    /// Stages a write over what this transaction has left, or else over a version that commit checks.
    pub(super) fn save(
        &mut self,
        state: &mut State,
        view: &str,
        write: &DocumentWrite,
    ) -> Result<(), DocumentConflict> {
        let key = (view.to_owned(), write.key.clone());
        if self.written.contains_key(&key) || self.cleared.contains(view) {
            let found = self.get(state, &key).map_or(0, |document| document.version);
            if found != write.version {
                return Err(DocumentConflict::new(view, &write.key));
            }
        } else {
            self.guards.insert(key.clone(), write.version);
        }
        let body = write.body.clone();
        let document = body.map(|body| Document::new(state.next_document_version(), body));
        self.written.insert(key, document);
        Ok(())
    }

    pub(super) fn clear(&mut self, view: &str) {
        self.written.retain(|(of, _), _| of != view);
        self.cleared.insert(view.to_owned());
    }

    pub(super) fn check_guards(&self, state: &State) -> Result<(), DocumentConflict> {
        for ((view, key), seen) in &self.guards {
            let found = state.documents.get(&(view.clone(), key.clone()));
            if found.map_or(0, |document| document.version) != *seen {
                return Err(DocumentConflict::new(view, key));
            }
        }
        Ok(())
    }

    pub(super) fn apply(self, state: &mut State) {
        state
            .documents
            .retain(|(view, _), _| !self.cleared.contains(view));
        for (key, written) in self.written {
            match written {
                Some(document) => state.documents.insert(key, document),
                None => state.documents.remove(&key),
            };
        }
    }
}
