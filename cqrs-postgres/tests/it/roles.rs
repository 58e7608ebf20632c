//! A view, a reactor and a projection over accounts, for tests of their checkpoints.

use async_trait::async_trait;
use cqrs_core::{
    Aggregate, Context, Decision, DocumentKeys, Envelope, Event, EventStore, ExpectedVersion,
    HandlerError, Projection, Reactor, To, View, ports::Append,
};
use cqrs_postgres::{PgEventStore, PgTransaction, store_error};
use serde::{Deserialize, Serialize};
use sqlx::AssertSqlSafe;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Entry {
    Paid,
}

impl Event for Entry {
    const CATEGORY: &'static str = "account";
}

#[derive(Debug, Default)]
pub(crate) struct Account;

impl Aggregate for Account {
    type Command = u64;
    type Event = Entry;
    type Error = std::convert::Infallible;

    fn handle(&self, _: u64, _: &Context) -> Decision<Self> {
        Ok(vec![Entry::Paid])
    }

    fn apply(&mut self, _: Entry) {}
}

/// An append of `count` events to an account.
pub(crate) fn entries(id: &str, expected: ExpectedVersion, count: usize) -> Append {
    let events: Vec<_> = std::iter::repeat_with(|| Entry::Paid).take(count).collect();
    Append::of(id, expected, &events).expect("valid")
}

pub(crate) async fn open(store: &PgEventStore, id: &str, events: usize) {
    let append = entries(id, ExpectedVersion::Any, events);
    store.append(append).await.expect("appends");
}

/// Counts the events of each account.
pub(crate) struct Balances;

impl View for Balances {
    const NAME: &'static str = "balances";
    type Events = Entry;
    type Document = u64;

    fn keys(&self, event: &Envelope<Entry>) -> DocumentKeys {
        event.id().into()
    }

    fn apply(&self, _: &str, count: Option<u64>, _: &Envelope<Entry>) -> Option<u64> {
        Some(count.unwrap_or_default() + 1)
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum MirrorEvent {
    Seen,
}

impl Event for MirrorEvent {
    const CATEGORY: &'static str = "mirror";
}

/// What the reactor sends to: every command adds an event.
#[derive(Debug, Default)]
pub(crate) struct Mirrored;

impl Aggregate for Mirrored {
    type Command = u64;
    type Event = MirrorEvent;
    type Error = std::convert::Infallible;

    fn handle(&self, _: u64, _: &Context) -> Decision<Self> {
        Ok(vec![MirrorEvent::Seen])
    }

    fn apply(&mut self, _: MirrorEvent) {}
}

/// Sends one command for each event.
pub(crate) struct Mirror;

impl Reactor for Mirror {
    const NAME: &'static str = "mirror";
    type Events = Entry;
    type Commands = To<Mirrored>;

    fn react(&self, _: &Envelope<Entry>) -> Vec<To<Mirrored>> {
        vec![To::new("all", 1)]
    }
}

/// Counts all events in a table of its own.
pub(crate) struct Total(pub(crate) String);

#[async_trait]
impl Projection<PgEventStore> for Total {
    type Events = Entry;

    fn name(&self) -> &str {
        "total"
    }

    async fn project(
        &self,
        transaction: &mut PgTransaction,
        events: &[Envelope<Entry>],
    ) -> Result<(), HandlerError> {
        let sql = format!("update {} set events = events + $1", self.0);
        let update =
            sqlx::query(AssertSqlSafe(sql)).bind(i64::try_from(events.len()).expect("few"));
        update
            .execute(&mut **transaction)
            .await
            .map_err(store_error)?;
        Ok(())
    }
}
