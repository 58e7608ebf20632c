//! The port that asks what the read side does: which partition is how far, who works on it, what is parked, what people changed.

mod health;
mod operation;
mod overview;

pub use self::{
    health::{Finding, Health, HealthLimits},
    operation::Operation,
    overview::{
        COUNTED_LAG, HeldMark, Lag, Overview, ParkedSummary, PartitionInfo, PartitionState,
        RelayInfo, SubscriptionInfo,
    },
};
use crate::ports::error::StoreError;

/// What can be asked about the subscriptions of a store, from any process, also when no runner lives. It changes nothing and locks
/// nothing.
///
/// ```
/// use cqrs_core::ports::{Inspect, StoreError};
///
/// async fn show(store: &impl Inspect) -> Result<(), StoreError> {
///     for subscription in store.overview().await?.subscriptions {
///         println!("{subscription}");
///     }
///     for operation in store.operations(None, 20).await? {
///         println!("{operation}");
///     }
///     Ok(())
/// }
/// ```
pub trait Inspect: Clone + Send + Sync + 'static {
    /// All subscriptions, at one moment of the store and by its clock.
    fn overview(&self) -> impl Future<Output = Result<Overview, StoreError>> + Send;

    /// What somebody should look at: an [overview](Self::overview), judged.
    ///
    /// ```
    /// use cqrs_core::ports::{HealthLimits, Inspect, StoreError};
    ///
    /// async fn watch(store: &impl Inspect) -> Result<(), StoreError> {
    ///     println!("{}", store.health(&HealthLimits::default()).await?);
    ///     // balances: no process has worked on log slices 0..512 for 41 s; start one that runs it
    ///     Ok(())
    /// }
    /// ```
    fn health(
        &self,
        limits: &HealthLimits,
    ) -> impl Future<Output = Result<Health, StoreError>> + Send {
        async move { Ok(Health::of(&self.overview().await?, limits)) }
    }

    /// What people changed by hand, the newest first: up to `limit` operations, of those with an [id](Operation::id) below `before`.
    fn operations(
        &self,
        before: Option<u64>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Operation>, StoreError>> + Send;
}
