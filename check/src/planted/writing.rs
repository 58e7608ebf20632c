//! Faults of appends and transactions.

use async_trait::async_trait;
use cqrs_core::{
    Append, Appended, Appends, EventStore, StoreError, Version, WriteError, model::NewEvent,
};

use super::{Fault, now_and_then};

/// Says that an append has landed without doing it, now and then.
#[derive(Debug)]
pub struct Forgets;

#[async_trait]
impl<S: EventStore> Fault<S> for Forgets {
    async fn append_all(
        &self,
        store: &S,
        mut appends: Appends,
    ) -> Result<Vec<Appended>, WriteError> {
        if appends.idempotency.is_some() || !now_and_then(200) {
            return store.append_all(appends).await;
        }
        let forgotten: Vec<_> = appends.streams.iter_mut().map(forget).collect();
        let landed = store.append_all(appends).await?;
        Ok(landed.into_iter().zip(&forgotten).map(pretend).collect())
    }
}

/// Writes to one stream less, now and then, and says that it has written to all.
#[derive(Debug)]
pub struct Tears;

#[async_trait]
impl<S: EventStore> Fault<S> for Tears {
    async fn append_all(
        &self,
        store: &S,
        mut appends: Appends,
    ) -> Result<Vec<Appended>, WriteError> {
        let forgotten = tear(&mut appends);
        let landed = store.append_all(appends).await?;
        Ok(landed.into_iter().zip(&forgotten).map(pretend).collect())
    }

    async fn append_in(
        &self,
        store: &S,
        transaction: &mut S::Transaction,
        mut appends: Appends,
    ) -> Result<Vec<Appended>, WriteError> {
        let forgotten = tear(&mut appends);
        let landed = store.append_in(transaction, appends).await?;
        Ok(landed.into_iter().zip(&forgotten).map(pretend).collect())
    }
}

/// Takes the events of the last of several streams away, now and then, and answers what was taken from each stream.
fn tear(appends: &mut Appends) -> Vec<Vec<NewEvent>> {
    let (last, keyed) = (
        appends.streams.len().saturating_sub(1),
        appends.idempotency.is_some(),
    );
    let others = appends.streams.iter().take(last);
    let written = others.map(|append| append.events.len()).sum::<usize>() > 0;
    let torn = written && !keyed && now_and_then(20);
    let take = |(index, append)| {
        if torn && index == last {
            forget(append)
        } else {
            Vec::new()
        }
    };
    appends.streams.iter_mut().enumerate().map(take).collect()
}

fn forget(append: &mut Append) -> Vec<NewEvent> {
    std::mem::take(&mut append.events)
}

/// The answer as if these events had been written.
fn pretend((landed, forgotten): (Appended, &Vec<NewEvent>)) -> Appended {
    Appended {
        version: landed.version.plus(forgotten.len() as u64),
        ..landed
    }
}

/// Forgets the key of an append, now and then.
#[derive(Debug)]
pub struct ForgetsKeys;

#[async_trait]
impl<S: EventStore> Fault<S> for ForgetsKeys {
    async fn append_all(
        &self,
        store: &S,
        mut appends: Appends,
    ) -> Result<Vec<Appended>, WriteError> {
        if now_and_then(10) {
            appends.idempotency = None;
        }
        store.append_all(appends).await
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

/// Answers with versions that are one too low, now and then.
#[derive(Debug)]
pub struct Miscounts;

#[async_trait]
impl<S: EventStore> Fault<S> for Miscounts {
    async fn append_all(&self, store: &S, appends: Appends) -> Result<Vec<Appended>, WriteError> {
        let less = u64::from(now_and_then(200));
        let miscount = |landed: Appended| Appended {
            version: Version::new(landed.version.get().saturating_sub(less)),
            ..landed
        };
        let landed = store.append_all(appends).await?;
        Ok(landed.into_iter().map(miscount).collect())
    }
}
