//! Commands straight from a store: the shortest way to a repository, and to several aggregates at once.

use crate::{
    ports::EventStore,
    roles::{Aggregate, Commands},
    write::{execute_all::ExecuteAll, repository::Repository},
};

/// What every event store offers to those who send commands.
pub trait CommandStore: EventStore {
    /// The aggregates of kind `A` in this store. Keep the repository: it caches states.
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
        Repository::new(self.clone())
    }

    /// Sends commands to several aggregates that take effect together or not at all: await what this returns.
    ///
    /// Takes an array, a vector or a tuple of [`To`](crate::To) and [`Check`](crate::Check), of mixed aggregates. Commands to
    /// one aggregate are decided in order, each on the state that those before it have led to. Every stream is read in one
    /// round trip, whole and without snapshots, and all are appended to in one more. A conflict reads and decides all of it
    /// again; a rejection does not. If no event follows from any command, nothing is written and no check is guarded.
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
