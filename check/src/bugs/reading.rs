//! Bugs of reads from the log.

use async_trait::async_trait;
use cqrs_core::{
    EventStore, StoreError,
    ports::{LogPage, LogQuery},
};

use super::{Bug, happens_once_in};

const ONE_IN: u16 = 200;

/// Sometimes leaves an event of a page out.
#[derive(Debug)]
pub struct SkipsEvents;

#[async_trait]
impl<S: EventStore> Bug<S> for SkipsEvents {
    async fn read_log(&self, store: &S, query: LogQuery<'_>) -> Result<LogPage, StoreError> {
        let mut page = store.read_log(query).await?;
        if page.events.len() > 1 && happens_once_in(ONE_IN) {
            page.events.remove(0);
        }
        Ok(page)
    }
}

/// Sometimes returns an event of a page twice.
#[derive(Debug)]
pub struct RepeatsEvents;

#[async_trait]
impl<S: EventStore> Bug<S> for RepeatsEvents {
    async fn read_log(&self, store: &S, query: LogQuery<'_>) -> Result<LogPage, StoreError> {
        let mut page = store.read_log(query).await?;
        if happens_once_in(ONE_IN) {
            page.events.extend(page.events.last().cloned());
        }
        Ok(page)
    }
}

/// Sometimes returns two events of a page in the wrong order.
#[derive(Debug)]
pub struct SwapsEvents;

#[async_trait]
impl<S: EventStore> Bug<S> for SwapsEvents {
    async fn read_log(&self, store: &S, query: LogQuery<'_>) -> Result<LogPage, StoreError> {
        let mut page = store.read_log(query).await?;
        if page.events.len() > 1 && happens_once_in(ONE_IN) {
            page.events.swap(0, 1);
        }
        Ok(page)
    }
}
