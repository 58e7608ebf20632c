//! All ports of a store together.

use crate::ports::{
    checkpoints::Checkpoints, documents::Documents, event_store::EventStore, inbox::Inbox,
    snapshots::Snapshots,
};

/// A store with every port: one bound for a service that does not depend on an adapter.
pub trait Store: EventStore + Snapshots + Checkpoints + Documents + Inbox {}

impl<S: EventStore + Snapshots + Checkpoints + Documents + Inbox> Store for S {}
