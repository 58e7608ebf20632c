//! The id of a database in the names of Kafka's topics. Generated once and stored as an event.
//!
//! A new database must not use the topics of an old one: it would publish its events after the old ones.

use std::convert::Infallible;

use cqrs_core::{Aggregate, CommandStore, Context, Decision, Event, EventId, EventStore};
use serde::{Deserialize, Serialize};

use crate::error::{ErrorContext, ShopError};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum InstallationEvent {
    Installed { id: String },
}

impl Event for InstallationEvent {
    const CATEGORY: &'static str = "installation";
}

#[derive(Debug, Clone)]
struct Install {
    id: String,
}

#[derive(Debug, Default)]
struct Installation {
    id: Option<String>,
}

impl Aggregate for Installation {
    type Command = Install;
    type Event = InstallationEvent;
    type Error = Infallible;

    fn handle(&self, Install { id }: Install, _: &Context) -> Decision<Self> {
        Ok(match self.id {
            None => vec![InstallationEvent::Installed { id }],
            Some(_) => vec![],
        })
    }

    fn apply(&mut self, event: InstallationEvent) {
        let InstallationEvent::Installed { id } = event;
        self.id = Some(id);
    }
}

/// The id of this installation. Generated at the first start, the same at every later one.
pub(super) async fn id<S: EventStore>(store: S) -> Result<String, ShopError> {
    let installations = store.repository::<Installation>();
    let place = "the installation's id";
    installations
        .execute("this", Install { id: random() })
        .await
        .context(place)?;
    let installed = installations.load("this").await.context(place)?;
    installed
        .state
        .id
        .ok_or_else(|| ShopError::new(place, "was stored but cannot be found"))
}

/// The last eight digits of a UUID.
fn random() -> String {
    let id = EventId::random().to_string();
    id.chars().skip(id.len().saturating_sub(8)).collect()
}

#[cfg(test)]
mod tests {
    use cqrs_core::MemoryEventStore;
    use cqrs_testing::Spec;

    use super::*;

    #[test]
    fn an_installation_keeps_its_id() {
        let install = |id: &str| Install { id: id.into() };
        let installed = |id: &str| InstallationEvent::Installed { id: id.into() };
        Spec::<Installation>::new()
            .when(install("a"))
            .then([installed("a")]);
        Spec::<Installation>::new()
            .given([installed("a")])
            .when(install("b"))
            .then_nothing();
    }

    #[tokio::test]
    async fn the_id_is_generated_once() {
        let store = MemoryEventStore::default();
        let first = id(store.clone()).await.expect("a memory store");
        assert_eq!(first.len(), 8);
        assert_eq!(id(store).await.expect("a memory store"), first);
    }
}
