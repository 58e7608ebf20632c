//! All ports of a store together.

use crate::ports::{
    control::Control, discards::Discards, documents::Documents, event_store::EventStore,
    import::Import, inbox::Inbox, inspect::Inspect, parking::Parking, partitions::Partitions,
    snapshots::Snapshots,
};

/// A store with every port: one bound for a service that does not depend on an adapter.
///
/// ```
/// # use cqrs_core::prelude::*;
/// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Deposited { cents: u64 } }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// # #[derive(Debug, Default)] struct Account { cents: u64 }
/// # impl Aggregate for Account {
/// #     type Command = u64; type Event = AccountEvent; type Error = std::convert::Infallible;
/// #     fn handle(&self, cents: u64, _: &Context) -> Decision<Self> { Ok(vec![AccountEvent::Deposited { cents }]) }
/// #     fn apply(&mut self, AccountEvent::Deposited { cents }: AccountEvent) { self.cents += cents }
/// # }
/// /// Works with every store: PostgreSQL in production, memory in tests.
/// struct Bank<S> { accounts: Repository<Account, S> }
///
/// impl<S: Store> Bank<S> {
///     fn new(store: S) -> Self { Self { accounts: store.repository() } }
/// }
/// let bank = Bank::new(MemoryEventStore::default());
/// # drop(bank.accounts);
/// ```
pub trait Store:
    EventStore
    + Import
    + Snapshots
    + Partitions
    + Documents
    + Inbox
    + Discards
    + Parking
    + Control
    + Inspect
{
}

impl<S> Store for S where
    S: EventStore
        + Import
        + Snapshots
        + Partitions
        + Documents
        + Inbox
        + Discards
        + Parking
        + Control
        + Inspect
{
}
