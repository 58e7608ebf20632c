//! All ports of a store together.

use crate::ports::{
    checkpoints::Checkpoints, documents::Documents, error::CommitError, event_store::EventStore,
    inbox::Inbox, snapshots::Snapshots,
};

/// A store with every port: one bound for a service that does not depend on an adapter.
pub trait Store: EventStore + Snapshots + Checkpoints + Documents + Inbox {}

impl<S: EventStore + Snapshots + Checkpoints + Documents + Inbox> Store for S {}

/// Removes a view's documents and moves its subscription back to the beginning, in one transaction: the next run rebuilds
/// the view by replay. A runner that is active is fenced, claims again and starts over by itself.
///
/// # Errors
/// When the store fails. Nothing is removed then.
pub async fn reset_view<S: Checkpoints + Documents>(
    store: &S,
    view: &str,
) -> Result<(), CommitError> {
    let mut transaction = store.begin().await?;
    store.reset_in(&mut transaction, view).await?;
    store.clear_in(&mut transaction, view).await?;
    store.commit(transaction).await
}
