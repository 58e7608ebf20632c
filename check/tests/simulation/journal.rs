//! The role that the runners run: it writes down what it is shown, of each stream its versions, and the positions of all.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use cqrs_core::{
    Event, HandlerError, RecordedEvent, StoreError,
    codec::CodecError,
    model::EventFilter,
    ports::{DocumentWrite, Documents, decode_document},
    read::Handler,
};
use serde::{Deserialize, Serialize};

use crate::bug::Bug;

/// The only event there is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Tick {
    Ticked,
}

impl Event for Tick {
    const CATEGORY: &'static str = "clock";
}

/// The streams whose events cannot be handled.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spoiled(Arc<Mutex<HashSet<String>>>);

impl Spoiled {
    pub(crate) fn spoil(&self, stream: String) {
        self.0.lock().expect("no panic").insert(stream);
    }

    pub(crate) fn mend(&self, stream: &str) {
        self.0.lock().expect("no panic").remove(stream);
    }

    pub(crate) fn mend_all(&self) {
        self.0.lock().expect("no panic").clear();
    }

    fn first_in<'a>(&self, batch: &'a [RecordedEvent]) -> Option<&'a RecordedEvent> {
        let spoiled = self.0.lock().expect("no panic");
        let mut events = batch.iter();
        events.find(|event| spoiled.contains(event.stream.id()))
    }
}

/// What is written down: under each key, numbers.
pub(crate) type Pages = BTreeMap<String, Vec<u64>>;

/// The key of the positions.
pub(crate) const ALL: &str = "all";

/// What the events add to the pages.
pub(crate) fn written<'a>(events: impl IntoIterator<Item = &'a RecordedEvent>) -> Pages {
    let mut pages = Pages::new();
    for event in events {
        let of_stream = pages.entry(event.stream.id().to_owned()).or_default();
        of_stream.push(event.version.get());
        let of_all = pages.entry(ALL.to_owned()).or_default();
        of_all.push(event.position.get());
    }
    pages
}

/// The role.
#[derive(Debug)]
pub(crate) struct Journal {
    spoiled: Spoiled,
    bug: Option<Bug>,
    /// Only with a bug.
    kept: Mutex<Pages>,
}

impl Journal {
    pub(crate) const NAME: &'static str = "journal";

    pub(crate) fn new(spoiled: Spoiled, bug: Option<Bug>) -> Self {
        Self {
            spoiled,
            bug,
            kept: Mutex::default(),
        }
    }

    /// Writes in a transaction of the caller.
    pub(crate) async fn write<S: Documents>(
        &self,
        store: &S,
        transaction: &mut S::Transaction,
        batch: &[RecordedEvent],
    ) -> Result<(), HandlerError> {
        let new = written(batch);
        let keys = Vec::from_iter(new.keys().cloned());
        let stored = store.load_in(transaction, Self::NAME, &keys).await?;
        let mut writes = Vec::new();
        for (key, numbers) in new {
            let document = stored.get(&key);
            let before = document.map(|found| decode_document(Self::NAME, &key, &found.body));
            let before = self.before(&key, before.transpose()?.unwrap_or_default(), &numbers);
            let body = serde_json::to_vec(&[before, numbers].concat()).expect("numbers");
            let version = document.map_or(0, |document| document.version);
            writes.push(DocumentWrite::new(key, version, Some(body)));
        }
        Ok(store.save_in(transaction, Self::NAME, &writes).await?)
    }

    /// What is in a document before the batch. With the bug it is what this process has written there, committed or not.
    fn before(&self, key: &str, stored: Vec<u64>, new: &[u64]) -> Vec<u64> {
        if self.bug != Some(Bug::KeepsDocuments) {
            return stored;
        }
        let mut kept = self.kept.lock().expect("no panic");
        let page = kept.entry(key.to_owned()).or_insert(stored);
        let before = page.clone();
        page.extend(new);
        before
    }
}

#[async_trait]
impl<S: Documents> Handler<S> for Journal {
    fn subscription(&self) -> &str {
        Self::NAME
    }

    fn reads(&self) -> Result<Vec<EventFilter>, CodecError> {
        Ok(vec![EventFilter::new(Tick::CATEGORY, &[])])
    }

    async fn prepare(&self, store: &S) -> Result<(), StoreError> {
        store.prepare_view(Self::NAME).await
    }

    async fn handle(
        &self,
        store: &S,
        transaction: &mut S::Transaction,
        batch: &[RecordedEvent],
    ) -> Result<(), HandlerError> {
        if self.bug == Some(Bug::WritesAside) {
            let mut aside = store.begin().await?;
            self.write(store, &mut aside, batch).await?;
            store.commit(aside).await?;
        } else {
            self.write(store, transaction, batch).await?;
        }
        match self.spoiled.first_in(batch) {
            Some(event) => Err(HandlerError::poison(event.id, "spoiled")),
            None => Ok(()),
        }
    }
}
