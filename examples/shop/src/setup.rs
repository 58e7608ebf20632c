//! Where the shop runs: which store and which broker. Services know this trait; what is behind it only `main` chooses.

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

    /// In words, for the report.
    fn name(&self) -> &'static str;

    /// What a run on it does not prove.
    fn caveat(&self) -> Option<&'static str>;

    /// The store of a service, and the topics of its events.
    async fn open(
        &self,
        service: &'static str,
        category: &'static str,
    ) -> Result<Self::Store, ShopError>;

    /// Brings the service's events to its topic.
    fn publisher(&self) -> Self::Publisher;

    /// The topics of these categories, as the group called `subscription` reads them.
    fn source(&self, subscription: &str, categories: &[&str]) -> Self::Source;

    /// Ends what the set-up itself has started, once everything that used it has stopped.
    async fn close(self) {}
}
