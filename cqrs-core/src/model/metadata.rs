//! The metadata of an event.

use crate::model::{event_id::EventId, headers::Headers};

/// Correlation, causation and trace context of an event, and the application's headers.
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
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = MemoryEventStore::default();
/// # let accounts = store.repository::<Account>();
/// // The command sets the metadata of its events.
/// let done = accounts.execute("ann", 500).correlation_id("transfer 7").header("user", "bob").await?;
///
/// let events = store.read_stream(&done.stream, Version::EMPTY).await?;
/// assert_eq!(events[0].metadata.correlation_id.as_deref(), Some("transfer 7"));
/// assert_eq!(events[0].metadata.headers["user"], "bob");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// The conversation that the event belongs to. Events that it causes inherit it.
    pub correlation_id: Option<String>,
    /// The event that caused this one.
    pub causation_id: Option<EventId>,
    /// The W3C trace context in which the command was handled.
    pub traceparent: Option<String>,
    /// Headers of the application, such as a user or a tenant. They are stored with the event, published with it and
    /// never interpreted. Events that it causes inherit them. A name has 1 to 64 of the characters `a-z`, `0-9`, `-`, `_` and
    /// `.`; a value has no NUL. By default an event has at most 32, with at most 1,024 bytes each
    /// ([`Limits`](crate::model::Limits)).
    pub headers: Headers,
}

impl Metadata {
    /// The metadata with these parts.
    #[must_use]
    pub const fn new(
        correlation_id: Option<String>,
        causation_id: Option<EventId>,
        traceparent: Option<String>,
        headers: Headers,
    ) -> Self {
        Self {
            correlation_id,
            causation_id,
            traceparent,
            headers,
        }
    }
}
