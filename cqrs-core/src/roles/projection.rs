//! The role that maintains a read model with its own SQL.

use async_trait::async_trait;

use crate::{
    model::Envelope,
    ports::UnitOfWork,
    roles::{events::Events, handler_error::HandlerError},
};

/// A read model that writes in the transaction of the store.
///
/// **Invariant**: its writes and its checkpoint commit together or not at all.
///
/// `PgTransaction` of `cqrs-postgres` shows one with SQL.
///
/// ```
/// # use cqrs_core::{HandlerError, memory::MemoryTransaction, ports::{DocumentWrite, Documents}, prelude::*};
/// # use async_trait::async_trait;
/// # #[derive(serde::Serialize, serde::Deserialize)] enum OrderEvent { Placed }
/// # impl Event for OrderEvent { const CATEGORY: &'static str = "order"; }
/// struct Orders(MemoryEventStore); // saves a document for each order
///
/// #[async_trait]
/// impl Projection<MemoryEventStore> for Orders {
///     type Events = OrderEvent;
///     fn name(&self) -> &str { "orders" }
///     async fn project(&self, tx: &mut MemoryTransaction, events: &[Envelope<OrderEvent>])
///         -> Result<(), HandlerError> {
///         let document = |event: &Envelope<OrderEvent>| DocumentWrite::new(event.id(), 0, Some(b"{}".to_vec()));
///         let writes: Vec<_> = events.iter().map(document).collect();
///         Ok(self.0.save_in(tx, "orders", &writes).await?)
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = MemoryEventStore::default();
/// # store.append(cqrs_core::ports::Append::of("17", ExpectedVersion::Any, &[OrderEvent::Placed])?).await?;
/// # let runner = Runner::over_log(&store, Orders(store.clone()))?;
/// # let mut progress = runner.progress();
/// # runner.run(async { drop(progress.until(|phase| *phase == cqrs_core::run_loop::Phase::CaughtUp).await) }).await?;
/// # assert!(store.document("orders", "17").await?.is_some());
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait Projection<S: UnitOfWork>: Send + Sync + 'static {
    /// The events that it reads.
    type Events: Events;

    /// The name of the subscription. All views, reactors and projections of a store need different names:
    /// with one name, two roles share a checkpoint, and each misses what the other one handles.
    fn name(&self) -> &str;

    /// Updates the read model from the events, in order. A failed batch is delivered again, perhaps with other boundaries.
    ///
    /// # Errors
    /// [`HandlerError::Poison`] for an event that cannot be handled. After any error the runner rolls back.
    async fn project(
        &self,
        transaction: &mut S::Transaction,
        events: &[Envelope<Self::Events>],
    ) -> Result<(), HandlerError>;
}
