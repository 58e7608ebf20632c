//! Faults of appends and transactions.

use async_trait::async_trait;
use cqrs_core::{Append, Appended, EventStore, StoreError, Version, WriteError};

use super::{Fault, now_and_then};

const ONE_IN: u16 = 200;

/// Says that an append has landed without doing it, now and then.
#[derive(Debug)]
pub struct Forgets;

#[async_trait]
impl<S: EventStore> Fault<S> for Forgets {
    async fn append(&self, store: &S, append: Append) -> Result<Appended, WriteError> {
        if !now_and_then(ONE_IN) {
            return store.append(append).await;
        }
        let guard = Append {
            events: Vec::new(),
            ..append.clone()
        };
        let Appended { version, position } = store.append(guard).await?;
        Ok(Appended {
            version: version.plus(append.events.len() as u64),
            position,
        })
    }
}

/// Commits instead of rolling back, now and then.
#[derive(Debug)]
pub struct KeepsRolledBack;

#[async_trait]
impl<S: EventStore> Fault<S> for KeepsRolledBack {
    async fn rollback(&self, store: &S, transaction: S::Transaction) -> Result<(), StoreError> {
        if now_and_then(20) {
            // A conflict is as good as a rollback.
            let _ = store.commit(transaction).await;
            return Ok(());
        }
        store.rollback(transaction).await
    }
}

/// Writes to one stream of several only, now and then, and says that it has written to all.
#[derive(Debug)]
pub struct Tears;

#[async_trait]
impl<S: EventStore> Fault<S> for Tears {
    async fn append_in(
        &self,
        store: &S,
        transaction: &mut S::Transaction,
        appends: &[Append],
    ) -> Result<Vec<Appended>, WriteError> {
        let mut left = appends.to_vec();
        let lost = match left.last_mut() {
            Some(last) if now_and_then(20) => std::mem::take(&mut last.events),
            _ => Vec::new(),
        };
        let mut landed = store.append_in(transaction, &left).await?;
        if let Some(last) = landed.last_mut() {
            last.version = last.version.plus(lost.len() as u64);
        }
        Ok(landed)
    }
}

/// Answers with a version that is one too low, now and then.
#[derive(Debug)]
pub struct Miscounts;

#[async_trait]
impl<S: EventStore> Fault<S> for Miscounts {
    async fn append(&self, store: &S, append: Append) -> Result<Appended, WriteError> {
        let Appended { version, position } = store.append(append).await?;
        let less = u64::from(now_and_then(ONE_IN));
        Ok(Appended {
            version: Version::new(version.get().saturating_sub(less)),
            position,
        })
    }
}
