//! Fills a store by appends. The streams take turns, so the events of a stream are not next to each other on disk.

use cqrs_core::{
    EventStore, ExpectedVersion, Metadata, StreamId,
    model::NewEvent,
    ports::{Append, UnitOfWork},
};
use cqrs_postgres::PgEventStore;

use crate::{Outcome, domain::AccountEvent};

/// How many streams one transaction appends to.
const STREAMS_PER_TRANSACTION: u32 = 1_000;

/// The id of an account.
pub(crate) fn account(prefix: &str, number: u32) -> String {
    format!("{prefix}-{number:06}")
}

/// Appends this many events to this many streams, one event at a time to each stream.
pub(crate) async fn preload(
    store: &PgEventStore,
    prefix: &str,
    events: u32,
    streams: u32,
) -> Outcome<()> {
    let mut next = 0;
    while next < events {
        // A transaction appends to a stream only once.
        let end = events.min(next + STREAMS_PER_TRANSACTION.min(streams - next % streams));
        let appends = (next..end).map(|number| append(&account(prefix, number % streams), number));
        let appends = appends.collect::<Outcome<Vec<_>>>()?;
        let mut transaction = store.begin().await?;
        store.append_in(&mut transaction, appends.into()).await?;
        store.commit(transaction).await?;
        next = end;
    }
    Ok(())
}

fn append(id: &str, number: u32) -> Outcome<Append> {
    Ok(Append::new(
        StreamId::of::<AccountEvent>(id)?,
        ExpectedVersion::Any,
        vec![NewEvent::encode(
            &AccountEvent::example(number),
            Metadata::default(),
        )?],
    ))
}
