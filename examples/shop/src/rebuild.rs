//! Drops every read model, rebuilds it by replay, and compares each document with the one before.

use std::time::{Duration, Instant};

use cqrs_core::{
    Position, Store,
    model::{Checkpoint, PartitionId, Slices},
    ports::LogQuery,
};

use crate::{
    books::{ByKey, bodies},
    error::{ErrorContext, ShopError},
    service::{Input, ShopView},
    setup::Setup,
    shop::{Counts, Shop},
};

/// How often to check whether a view has caught up.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The rebuild fails when a partition makes no progress for this time.
const STALL_LIMIT: Duration = Duration::from_secs(60);

/// How many events these views read together, and how long that took.
#[derive(Debug, Default)]
pub struct Replayed {
    pub events: u64,
    pub took: Duration,
}

/// The outcome of a rebuild.
#[derive(Debug, Default)]
pub struct Rebuilt {
    pub views: usize,
    pub documents: usize,
    pub from_logs: Replayed,
    pub from_topics: Replayed,
    /// For each view that differs, its first document that differs.
    pub differences: Vec<String>,
}

/// One view before the rebuild.
struct Before<'a, S> {
    store: &'a S,
    view: &'a ShopView,
    documents: ByKey<Vec<u8>>,
    checkpoints: Vec<(PartitionId, Checkpoint)>,
}

/// Rebuilds the read models of every service, all at the same time and while all parts run: a view that is reset starts
/// again by itself.
pub async fn rebuild<U: Setup>(shop: &Shop<U>, counts: &Counts) -> Result<Rebuilt, ShopError> {
    let mut before = Vec::new();
    for service in shop.services() {
        for view in service.views() {
            before.push(Before::read(service.store(), view).await?);
        }
    }
    let started = Instant::now();
    for before in &before {
        before.view.reset().await?;
    }
    let (logs, topics): (Vec<_>, Vec<_>) = before
        .iter()
        .partition(|before| matches!(before.view.input, Input::OwnLog(_)));
    let mut rebuilt = Rebuilt {
        views: before.len(),
        from_logs: wait_for_replay(&logs, counts, started).await?,
        from_topics: wait_for_replay(&topics, counts, started).await?,
        ..Rebuilt::default()
    };
    for before in &before {
        let now = bodies(before.store, before.view.name).await?;
        rebuilt.documents += before.documents.len();
        let difference = difference(before.view.name, &before.documents, &now);
        rebuilt.differences.extend(difference);
    }
    Ok(rebuilt)
}

/// Waits until these views have caught up.
async fn wait_for_replay<S: Store>(
    views: &[&Before<'_, S>],
    counts: &Counts,
    started: Instant,
) -> Result<Replayed, ShopError> {
    let mut replayed = Replayed::default();
    for before in views {
        before.wait_until_caught_up().await?;
        replayed.took = started.elapsed();
        let categories = before.view.input.categories().iter();
        replayed.events += categories.filter_map(|of| counts.get(of)).sum::<u64>();
    }
    Ok(replayed)
}

impl<'a, S: Store> Before<'a, S> {
    async fn read(store: &'a S, view: &'a ShopView) -> Result<Self, ShopError> {
        wait_until_log_is_handled(store, view).await?;
        let partitions = view.progress.partitions().into_iter();
        let checkpoints = partitions.filter_map(|(id, progress)| Some((id, progress.checkpoint?)));
        Ok(Self {
            store,
            view,
            documents: bodies(store, view.name).await?,
            checkpoints: checkpoints.collect(),
        })
    }

    /// Waits until the view reaches its old checkpoints. Reads them from the store: the runner notices the reset later.
    async fn wait_until_caught_up(&self) -> Result<(), ShopError> {
        let view = self.view.name;
        for (partition, was) in &self.checkpoints {
            let mut last = None;
            let mut moved = Instant::now();
            loop {
                let now = self.store.checkpoint(view, partition).await.context(view)?;
                if now.is_some_and(|now| has_reached(now, *was)) {
                    break;
                }
                if now != last {
                    last = now;
                    moved = Instant::now();
                }
                if moved.elapsed() > STALL_LIMIT {
                    let reason = format!(
                        "the rebuild is stuck on {partition} before offset {}",
                        was.offset
                    );
                    return Err(ShopError::new(view, &reason));
                }
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        }
        Ok(())
    }
}

/// Whether everything before the old checkpoint is handled. Behind its last event a topic may hold markers of transactions, which
/// a checkpoint passes seconds later.
fn has_reached(now: Checkpoint, was: Checkpoint) -> bool {
    now.offset >= was.offset || (was.event_id.is_some() && now.event_id == was.event_id)
}

/// Waits until a view of the service's own log has handled all of it. For a view of topics the audit has already shown
/// that nothing is missing.
async fn wait_until_log_is_handled<S: Store>(store: &S, view: &ShopView) -> Result<(), ShopError> {
    if let Input::Topics(_) = view.input {
        return Ok(());
    }
    let log = PartitionId::Log(Slices::ALL);
    loop {
        let checkpoint = store.checkpoint(view.name, &log).await.context(view.name)?;
        let after = checkpoint.map_or(0, |checkpoint| checkpoint.offset.get());
        let query = LogQuery::new(Position::new(after), 1);
        let behind = store.read_log(query).await.context(view.name)?;
        if behind.upto.is_none() {
            return Ok(());
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// The first document that differs. Compares JSON values, since a database may change the white space.
fn difference(view: &str, before: &ByKey<Vec<u8>>, now: &ByKey<Vec<u8>>) -> Option<String> {
    let json = |body: Option<&Vec<u8>>| {
        body.map(|body| {
            serde_json::from_slice::<serde_json::Value>(body).map_err(|e| e.to_string())
        })
    };
    let mut keys = before.keys().chain(now.keys());
    let key = keys.find(|key| json(before.get(*key)) != json(now.get(*key)))?;
    let show = |body: Option<&Vec<u8>>| {
        body.map_or_else(
            || "not there".into(),
            |body| String::from_utf8_lossy(body).into_owned(),
        )
    };
    let (was, is) = (show(before.get(key)), show(now.get(key)));
    Some(format!(
        "view {view} differs after its rebuild: {key} was {was}, is {is}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(documents: &[(&str, &str)]) -> ByKey<Vec<u8>> {
        let page = |(key, body): &(&str, &str)| ((*key).to_owned(), body.as_bytes().to_vec());
        documents.iter().map(page).collect()
    }

    #[test]
    fn equal_documents_may_be_written_differently() {
        let (was, is) = (
            documents(&[("a", r#"{"x":1,"y":2}"#)]),
            documents(&[("a", r#"{"y": 2, "x": 1}"#)]),
        );
        assert_eq!(difference("v", &was, &is), None);
    }

    #[test]
    fn a_missing_changed_or_new_document_is_named() {
        let was = documents(&[("a", "1")]);
        let said = |is: &[(&str, &str)]| difference("v", &was, &documents(is)).unwrap_or_default();
        assert!(said(&[]).ends_with("a was 1, is not there"));
        assert!(said(&[("a", "2")]).ends_with("a was 1, is 2"));
        assert!(said(&[("a", "1"), ("b", "1")]).ends_with("b was not there, is 1"));
    }
}
