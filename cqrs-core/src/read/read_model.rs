//! Queries a view's documents.

use std::{fmt, marker::PhantomData};

use crate::{
    model::{KeyRange, Position},
    ports::{
        Checkpoints, CommitError, Control, Document, Documents, Parking, StoreError,
        decode_document,
    },
    read::handled::{WaitError, wait_for},
    roles::View,
};

/// The documents of a view in a store.
///
/// ```
/// # use cqrs_core::prelude::*;
/// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Deposited { cents: u64 } }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// # #[derive(Default)] struct Account;
/// # impl Aggregate for Account {
/// #     type Command = u64; type Event = AccountEvent; type Error = std::convert::Infallible;
/// #     fn handle(&self, cents: u64, _: &Context) -> Decision<Self> { Ok(vec![AccountEvent::Deposited { cents }]) }
/// #     fn apply(&mut self, _: AccountEvent) {}
/// # }
/// # struct Balances;
/// # impl View for Balances {
/// #     const NAME: &'static str = "balances"; type Events = AccountEvent; type Document = u64;
/// #     fn keys(&self, event: &Envelope<AccountEvent>) -> DocumentKeys { event.id().into() }
/// #     fn apply(&self, _: &str, balance: Option<u64>, event: &Envelope<AccountEvent>) -> Option<u64> {
/// #         let AccountEvent::Deposited { cents } = &event.event;
/// #         Some(balance.unwrap_or_default() + cents)
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = MemoryEventStore::default();
/// let done = store.repository::<Account>().execute("ann", 500).await?;
/// let balances = ReadModel::<Balances, _>::new(&store);
/// # let shown = async { drop(balances.wait_for(Position::from(&done)).await) };
/// # Runner::over_log(&store, Balances)?.run(shown).await?;
/// balances.wait_for(Position::from(&done)).await?; // while a runner runs the view
/// assert_eq!(balances.get("ann").await?, Some(500));
/// assert_eq!(balances.page(None, 10).await?, [("ann".to_owned(), 500)]);
/// # Ok(())
/// # }
/// ```
pub struct ReadModel<V, S> {
    store: S,
    view: PhantomData<fn() -> V>,
}

// A derive would require `V: Clone`.
impl<V, S: Clone> Clone for ReadModel<V, S> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            view: PhantomData,
        }
    }
}

impl<V: View, S: fmt::Debug> fmt::Debug for ReadModel<V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadModel")
            .field("view", &V::NAME)
            .field("store", &self.store)
            .finish()
    }
}

impl<V: View, S: Documents> ReadModel<V, S> {
    /// The documents of `V` in `store`.
    #[must_use]
    pub fn new(store: &S) -> Self {
        Self {
            store: store.clone(),
            view: PhantomData,
        }
    }

    /// The document under `key`.
    ///
    /// # Errors
    /// When the store fails, or the stored JSON does not fit the view's document type.
    pub async fn get(&self, key: &str) -> Result<Option<V::Document>, StoreError> {
        let document = self.store.document(V::NAME, key).await?;
        document
            .map(|document| typed::<V>(key, &document))
            .transpose()
    }

    /// Up to `limit` documents with keys after `after`, in key order.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn page(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, V::Document)>, StoreError> {
        let all = KeyRange::all();
        let keys = after.map_or(all.clone(), |after| all.after(after));
        self.range(&keys, limit).await
    }

    /// Up to `limit` documents with keys in `keys`, in key order.
    ///
    /// ```
    /// # use cqrs_core::{model::KeyRange, prelude::*};
    /// # async fn tickets<V: View<Document = u64>>(tickets: ReadModel<V, MemoryEventStore>)
    /// #     -> Result<(), Box<dyn std::error::Error>> {
    /// // The view makes keys such as "ann/2026-03-28".
    /// let of_ann = KeyRange::prefix("ann/");
    /// let mut page = tickets.range(&of_ann, 100).await?;
    /// while let Some((last, _)) = page.last() {
    ///     println!("{page:?}");
    ///     page = tickets.range(&of_ann.clone().after(last), 100).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn range(
        &self,
        keys: &KeyRange,
        limit: usize,
    ) -> Result<Vec<(String, V::Document)>, StoreError> {
        let documents = self.store.documents(V::NAME, keys, limit).await?;
        let typed = documents.into_iter().map(|(key, document)| {
            let document = typed::<V>(&key, &document)?;
            Ok((key, document))
        });
        typed.collect()
    }
}

impl<V: View, S: Documents + Checkpoints + Parking> ReadModel<V, S> {
    /// Waits until the view has handled the store's own log up to `position`, or up to the events of a command, so that the
    /// next query sees their effect. Without a runner for the view, or if its runner has failed, it
    /// never returns: use a timeout, and look at the runner's [`Progress`](crate::run_loop::Progress) after it.
    ///
    /// ```
    /// # use cqrs_core::prelude::*;
    /// # use std::time::Duration;
    /// # async fn book<A: Aggregate<Command = String> + serde::Serialize, V: View>(
    /// #     seats: Repository<A, MemoryEventStore>,
    /// #     tickets: ReadModel<V, MemoryEventStore>,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let booked = seats.execute("A1", "ada".to_owned()).await?;
    /// tokio::time::timeout(Duration::from_secs(2), tickets.wait_for(&booked)).await??;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`WaitError::Parked`] when the event at the position waits because its stream is parked. When the store fails.
    pub fn wait_for<P: Into<Position>>(
        &self,
        position: P,
    ) -> impl Future<Output = Result<(), WaitError>> + Send {
        wait_for(&self.store, V::NAME, position)
    }
}

impl<V: View, S: Control> ReadModel<V, S> {
    /// Removes all documents and moves the subscription back to the beginning, in one transaction: the runner rebuilds the
    /// view by replay. An active runner is fenced, claims again and starts over. The store records the operation with the reason.
    ///
    /// # Errors
    /// When the reason is empty, or the store fails. Nothing is removed then.
    pub async fn reset(&self, reason: &str) -> Result<(), CommitError> {
        self.store.reset_view(V::NAME, reason).await
    }
}

fn typed<V: View>(key: &str, document: &Document) -> Result<V::Document, StoreError> {
    decode_document(V::NAME, key, &document.body)
}
