//! The handler for views. For each batch it reads the documents once, changes them in memory and writes them once.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::{Handler, IntoHandler, envelopes, role};
use crate::{
    codec::{self, CodecError},
    model::{Envelope, EventFilter, RecordedEvent, RoleKind},
    ports::{DocumentWrite, Documents, StoreError, StoreErrorKind, decode_document},
    roles::{DocumentKeys, Events, HandlerError, View},
};

/// Maintains a view's documents. Runners create it: use it to name their type, as in [`LogRunner`](crate::read::LogRunner).
#[derive(Debug)]
pub struct ViewHandler<V>(V);

impl<S: Documents, V: View> IntoHandler<S, role::View> for V {
    type Handler = ViewHandler<V>;

    fn into_handler(self) -> ViewHandler<V> {
        ViewHandler(self)
    }
}

/// A document during a batch.
struct Folded<D> {
    version: u64,
    content: Option<D>,
}

type KeyedEvents<V> = Vec<(DocumentKeys, Envelope<<V as View>::Events>)>;
type FoldedDocuments<V> = BTreeMap<String, Folded<<V as View>::Document>>;

impl<V: View> ViewHandler<V> {
    fn touched(&self, batch: &[RecordedEvent]) -> Result<KeyedEvents<V>, HandlerError> {
        Ok(envelopes(batch)?
            .into_iter()
            .map(|event| (self.0.keys(&event), event))
            .collect())
    }

    fn fold(&self, events: &KeyedEvents<V>, documents: &mut FoldedDocuments<V>) {
        for (keys, event) in events {
            for key in keys.iter() {
                let document = documents.entry(key.clone()).or_insert(Folded {
                    version: 0,
                    content: None,
                });
                document.content = self.0.apply(key, document.content.take(), event);
            }
        }
    }
}

async fn load<V: View, S: Documents>(
    store: &S,
    transaction: &mut S::Transaction,
    keys: &[String],
) -> Result<FoldedDocuments<V>, StoreError> {
    let stored = store.load_in(transaction, V::NAME, keys).await?;
    let typed = stored.into_iter().map(|(key, document)| {
        let content = Some(decode_document(V::NAME, &key, &document.body)?);
        Ok((
            key,
            Folded {
                version: document.version,
                content,
            },
        ))
    });
    typed.collect()
}

/// The changes to write. A document that neither existed before nor exists now is left out.
fn writes<V: View>(documents: FoldedDocuments<V>) -> Result<Vec<DocumentWrite>, StoreError> {
    let changed = documents
        .into_iter()
        .filter(|(_, folded)| folded.version > 0 || folded.content.is_some());
    let encoded = changed.map(|(key, Folded { version, content })| {
        let body = content
            .map(|content| codec::to_document(&content))
            .transpose();
        let body = body.map_err(|error| unwritable::<V>(&key, error))?;
        Ok(DocumentWrite { key, version, body })
    });
    encoded.collect()
}

fn unwritable<V: View>(key: &str, error: CodecError) -> StoreError {
    let message = format!(
        "document {key:?} of view {:?} cannot be written as JSON and read back",
        V::NAME
    );
    StoreError::new(StoreErrorKind::InvalidInput, message).caused_by(error)
}

#[async_trait]
impl<S: Documents, V: View> Handler<S> for ViewHandler<V> {
    fn role(&self) -> Option<RoleKind> {
        Some(RoleKind::View)
    }

    fn subscription(&self) -> &str {
        V::NAME
    }

    fn reads(&self) -> Result<Vec<EventFilter>, CodecError> {
        V::Events::reads()
    }

    fn ignores(&self) -> Vec<EventFilter> {
        V::Events::ignores()
    }

    /// A document is written once for each batch, so large batches make a rebuild fast.
    fn largest_batch(&self) -> usize {
        16_000
    }

    async fn prepare(&self, store: &S) -> Result<(), StoreError> {
        store.prepare_view(V::NAME).await
    }

    async fn handle(
        &self,
        store: &S,
        transaction: &mut S::Transaction,
        batch: &[RecordedEvent],
    ) -> Result<(), HandlerError> {
        let events = self.touched(batch)?;
        let keys: BTreeSet<String> = events
            .iter()
            .flat_map(|(keys, _)| keys.iter().cloned())
            .collect();
        if keys.is_empty() {
            return Ok(());
        }
        let keys = Vec::from_iter(keys);
        let mut documents = load::<V, S>(store, transaction, &keys).await?;
        self.fold(&events, &mut documents);
        Ok(store
            .save_in(transaction, V::NAME, &writes::<V>(documents)?)
            .await?)
    }
}
