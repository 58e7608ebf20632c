//! Where the shop runs: which store and which broker. The services use this trait; only `main` chooses a type.

mod embedded;
mod installation;
mod kafka;
mod real;

use async_trait::async_trait;
use cqrs_core::{
    Store,
    ports::{Publisher, Source},
};

pub use self::{embedded::Embedded, real::Real};
use crate::error::ShopError;

/// A store for every service, and one broker between them. A clone is a handle to the same.
#[async_trait]
pub trait Setup: Clone + Send + Sync + 'static {
    type Store: Store;
    type Source: Source;
    type Publisher: Publisher;

    /// A name for the report.
    fn name(&self) -> &'static str;

    /// What a run on it does not prove, if anything.
    fn caveat(&self) -> Option<&'static str>;

    /// Opens the store of a service, and creates the topics of its events.
    async fn open(
        &self,
        service: &'static str,
        category: &'static str,
    ) -> Result<Self::Store, ShopError>;

    /// The publisher for a service's relay.
    fn publisher(&self) -> Self::Publisher;

    /// The source that reads the topics of these categories in the group `subscription`.
    fn source(&self, subscription: &str, categories: &[&str]) -> Self::Source;

    /// Ends what the set-up itself has started, once everything that used it has stopped.
    async fn close(self) {}
}
