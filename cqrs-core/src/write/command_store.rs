//! Methods of every store for commands: to get a repository, and to change several aggregates at once.

use crate::{
    ports::EventStore,
    roles::{Aggregate, Commands},
    write::{execute_all::ExecuteAll, repository::Repository},
};

/// Executes commands on a store. Implemented for every event store.
pub trait CommandStore: EventStore {
    /// A repository of the aggregates of type `A`. Reuse it: it caches states.
    ///
    /// ```
    /// # use cqrs_core::{Aggregate, CommandStore, Context, Decision, Event, MemoryEventStore};
    /// # #[derive(serde::Serialize, serde::Deserialize)] enum LampEvent { SwitchedOn }
    /// # impl Event for LampEvent { const CATEGORY: &'static str = "lamp"; }
    /// # #[derive(Default)] struct Lamp;
    /// # impl Aggregate for Lamp {
    /// #     type Command = (); type Event = LampEvent; type Error = std::convert::Infallible;
    /// #     fn handle(&self, (): (), _: &Context) -> Decision<Self> { Ok(vec![LampEvent::SwitchedOn]) }
    /// #     fn apply(&mut self, _: LampEvent) {}
    /// # }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let lamps = MemoryEventStore::default().repository::<Lamp>();
    /// lamps.execute("kitchen", ()).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    fn repository<A: Aggregate>(&self) -> Repository<A, Self> {
        Repository::new(self)
    }

    /// Executes commands to several aggregates, all or none, when the returned request is awaited.
    ///
    /// Takes an array, a vector or a tuple of [`To`](crate::To) and [`Check`](crate::Check), for aggregates of any types.
    /// Commands to one aggregate are decided in order, each on the state after the commands before it. One round trip reads
    /// all streams, whole and without snapshots; one more appends to them. After a conflict everything is read and decided
    /// again; after a rejection it is not. Requests of one process to one aggregate take turns, also with
    /// [`Repository::execute`], for a second at most; an aggregate that is only checked takes none. If no command results in an event and there is no idempotency key, nothing is
    /// written, and the checks are not protected against concurrent writers.
    ///
    /// ```
    /// # use cqrs_core::{Aggregate, CommandStore, Context, Decision, Event, MemoryEventStore, To};
    /// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Changed { by: i64 } }
    /// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
    /// # #[derive(Debug, thiserror::Error)] #[error("the balance does not cover that")] struct Overdrawn;
    /// # #[derive(Default)] struct Account { balance: i64 }
    /// # impl Aggregate for Account {
    /// #     type Command = i64; type Event = AccountEvent; type Error = Overdrawn;
    /// #     fn handle(&self, by: i64, _: &Context) -> Decision<Self> {
    /// #         if self.balance + by < 0 { return Err(Overdrawn) }
    /// #         Ok(vec![AccountEvent::Changed { by }])
    /// #     }
    /// #     fn apply(&mut self, AccountEvent::Changed { by }: AccountEvent) { self.balance += by }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let store = MemoryEventStore::default();
    /// # store.repository::<Account>().execute("ann", 500).await?;
    /// let transfer = [To::<Account>::new("ann", -200), To::new("bob", 200)];
    /// store.execute_all(transfer).idempotency_key("transfer 17").await?;
    ///
    /// let too_much = [To::<Account>::new("ann", -1_000), To::new("bob", 1_000)];
    /// let error = store.execute_all(too_much).await.expect_err("the balance does not cover it");
    /// assert!(error.rejected::<Overdrawn>().is_some());
    /// # Ok(())
    /// # }
    /// ```
    fn execute_all<C: Commands>(&self, commands: C) -> ExecuteAll<'_, Self, C> {
        ExecuteAll::new(self, commands)
    }
}

impl<S: EventStore> CommandStore for S {}
