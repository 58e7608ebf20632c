//! Faults of the log.

use async_trait::async_trait;
use cqrs_core::{
    EventStore, StoreError,
    ports::{LogPage, LogQuery},
};

use super::{Fault, now_and_then};

const ONE_IN: u16 = 200;

/// Leaves an event of a page out, now and then.
#[derive(Debug)]
pub struct Skips;

#[async_trait]
impl<S: EventStore> Fault<S> for Skips {
    async fn read_log(&self, store: &S, query: LogQuery<'_>) -> Result<LogPage, StoreError> {
        let mut page = store.read_log(query).await?;
        if page.events.len() > 1 && now_and_then(ONE_IN) {
            page.events.remove(0);
        }
        Ok(page)
    }
}

/// Gives an event of a page twice, now and then.
#[derive(Debug)]
pub struct Repeats;

#[async_trait]
impl<S: EventStore> Fault<S> for Repeats {
    async fn read_log(&self, store: &S, query: LogQuery<'_>) -> Result<LogPage, StoreError> {
        let mut page = store.read_log(query).await?;
        if now_and_then(ONE_IN) {
            page.events.extend(page.events.last().cloned());
        }
        Ok(page)
    }
}

/// Gives two events of a page in the wrong order, now and then.
#[derive(Debug)]
pub struct Swaps;

#[async_trait]
impl<S: EventStore> Fault<S> for Swaps {
    async fn read_log(&self, store: &S, query: LogQuery<'_>) -> Result<LogPage, StoreError> {
        let mut page = store.read_log(query).await?;
        if page.events.len() > 1 && now_and_then(ONE_IN) {
            page.events.swap(0, 1);
        }
        Ok(page)
    }
}
