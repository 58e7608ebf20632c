//! Bugs of appends and transactions.

use async_trait::async_trait;
use cqrs_core::{
    EventStore, StoreError, Version,
    model::NewEvent,
    ports::{Append, AppendError, Appended, Appends},
};

use super::{Bug, happens_once_in};

/// Sometimes acknowledges an append without doing it.
#[derive(Debug)]
pub struct ForgetsAppends;

#[async_trait]
impl<S: EventStore> Bug<S> for ForgetsAppends {
    async fn append_all(
        &self,
        store: &S,
        mut appends: Appends,
    ) -> Result<Vec<Appended>, AppendError> {
        if appends.idempotency.is_some() || !happens_once_in(200) {
            return store.append_all(appends).await;
        }
        let forgotten: Vec<_> = appends.streams.iter_mut().map(forget).collect();
        let appended = store.append_all(appends).await?;
        Ok(appended.into_iter().zip(&forgotten).map(pretend).collect())
    }
}

/// Sometimes leaves out the last of several streams, and acknowledges all of them.
#[derive(Debug)]
pub struct TearsAppends;

#[async_trait]
impl<S: EventStore> Bug<S> for TearsAppends {
    async fn append_all(
        &self,
        store: &S,
        mut appends: Appends,
    ) -> Result<Vec<Appended>, AppendError> {
        let forgotten = tear(&mut appends);
        let appended = store.append_all(appends).await?;
        Ok(appended.into_iter().zip(&forgotten).map(pretend).collect())
    }

    async fn append_in(
        &self,
        store: &S,
        transaction: &mut S::Transaction,
        mut appends: Appends,
    ) -> Result<Vec<Appended>, AppendError> {
        let forgotten = tear(&mut appends);
        let appended = store.append_in(transaction, appends).await?;
        Ok(appended.into_iter().zip(&forgotten).map(pretend).collect())
    }
}

/// Sometimes removes the events of the last of several streams. Returns what was removed from each stream.
fn tear(appends: &mut Appends) -> Vec<Vec<NewEvent>> {
    let last = appends.streams.len().saturating_sub(1);
    let is_keyed = appends.idempotency.is_some();
    let others = appends.streams.iter().take(last);
    let others_write = others.map(|append| append.events.len()).sum::<usize>() > 0;
    let is_torn = others_write && !is_keyed && happens_once_in(20);
    let take = |(index, append)| {
        if is_torn && index == last {
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

/// The answer of a store that has written these events.
fn pretend((mut appended, forgotten): (Appended, &Vec<NewEvent>)) -> Appended {
    appended.version = appended.version.plus(forgotten.len() as u64);
    appended
}

/// Sometimes ignores the key of an append.
#[derive(Debug)]
pub struct ForgetsKeys;

#[async_trait]
impl<S: EventStore> Bug<S> for ForgetsKeys {
    async fn append_all(
        &self,
        store: &S,
        mut appends: Appends,
    ) -> Result<Vec<Appended>, AppendError> {
        if happens_once_in(10) {
            appends.idempotency = None;
        }
        store.append_all(appends).await
    }
}

/// Sometimes commits instead of rolling back.
#[derive(Debug)]
pub struct CommitsRollbacks;

#[async_trait]
impl<S: EventStore> Bug<S> for CommitsRollbacks {
    async fn rollback(&self, store: &S, transaction: S::Transaction) -> Result<(), StoreError> {
        if happens_once_in(20) {
            // A conflict has the effect of a rollback.
            let _ = store.commit(transaction).await;
            return Ok(());
        }
        store.rollback(transaction).await
    }
}

/// Sometimes returns versions that are one too low.
#[derive(Debug)]
pub struct ReturnsWrongVersion;

#[async_trait]
impl<S: EventStore> Bug<S> for ReturnsWrongVersion {
    async fn append_all(&self, store: &S, appends: Appends) -> Result<Vec<Appended>, AppendError> {
        let error = u64::from(happens_once_in(200));
        let mut appended = store.append_all(appends).await?;
        for one in &mut appended {
            one.version = Version::new(one.version.get().saturating_sub(error));
        }
        Ok(appended)
    }
}
