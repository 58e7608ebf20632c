//! Drops every read model, lets replay build them again, and compares each document with what it was.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use cqrs_core::{
    CommitError, Position, Store,
    model::{Checkpoint, PartitionId, Slices},
    ports::LogQuery,
};

use crate::{
    books::{Pages, bodies},
    error::{At, ShopError},
    service::{Failures, Part, Service},
    setup::Setup,
    shop::{Counts, Shop},
};

/// How often to look whether a view has caught up.
const LOOK: Duration = Duration::from_millis(20);

/// How long all views together may take without any of them moving.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many events were read, by all such views together, and how long that took.
#[derive(Debug, Default)]
pub struct Replayed {
    pub events: u64,
    pub took: Duration,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Rebuilt {
    pub views: usize,
    pub documents: usize,
    pub from_logs: Replayed,
    pub from_topics: Replayed,
    /// Documents that are not what they were.
    pub differences: Vec<String>,
}

/// One view as it was before.
struct Before {
    view: &'static str,
    categories: Vec<&'static str>,
    documents: Pages<Vec<u8>>,
    checkpoints: HashMap<PartitionId, Checkpoint>,
}

impl Before {
    fn over_topics(&self) -> bool {
        let topic = |partition| matches!(partition, &PartitionId::Topic { .. });
        self.checkpoints.keys().any(topic)
    }
}

/// Rebuilds the read models of every service, all at the same time.
pub async fn rebuild<U: Setup>(
    shop: &mut Shop<U>,
    counts: &Counts,
    failures: &Failures,
) -> Result<Rebuilt, ShopError> {
    let mut before = Vec::new();
    for service in shop.services() {
        before.push(drop_views(service).await?);
    }
    let started = Instant::now();
    for service in shop.services() {
        service.views().1.for_each(|view| view.start(failures));
    }
    let mut rebuilt = Rebuilt::default();
    for over_topics in [false, true] {
        let replayed = replay(shop, &before, counts, over_topics, started).await?;
        *(if over_topics {
            &mut rebuilt.from_topics
        } else {
            &mut rebuilt.from_logs
        }) = replayed;
    }
    for (service, before) in shop.services().into_iter().zip(before) {
        for before in before {
            rebuilt.views += 1;
            rebuilt.documents += before.documents.len();
            let now = bodies(service.store(), before.view).await?;
            rebuilt
                .differences
                .extend(difference(before.view, &before.documents, &now));
        }
    }
    Ok(rebuilt)
}

/// Waits until all views of a kind have caught up.
async fn replay<U: Setup>(
    shop: &mut Shop<U>,
    before: &[Vec<Before>],
    counts: &Counts,
    over_topics: bool,
    started: Instant,
) -> Result<Replayed, ShopError> {
    let mut replayed = Replayed::default();
    for (service, before) in shop.services().into_iter().zip(before) {
        for before in before
            .iter()
            .filter(|before| before.over_topics() == over_topics)
        {
            caught_up(service.store(), before).await?;
            replayed.took = started.elapsed();
            replayed.events += before
                .categories
                .iter()
                .filter_map(|of| counts.get(of))
                .sum::<u64>();
        }
    }
    Ok(replayed)
}

/// Stops a service's views and drops what they keep.
async fn drop_views<U: Setup>(service: &mut Service<U>) -> Result<Vec<Before>, ShopError> {
    let (store, views) = service.views();
    let mut dropped = Vec::new();
    for part in views {
        handled_its_log(store, part).await?;
        part.stop().await?;
        let before = remember(store, part).await?;
        reset(store, part.name()).await.at(part.name())?;
        dropped.push(before);
    }
    Ok(dropped)
}

async fn reset<S: Store>(store: &S, view: &str) -> Result<(), CommitError> {
    let mut transaction = store.begin().await?;
    store.reset_in(&mut transaction, view).await?;
    store.clear_in(&mut transaction, view).await?;
    store.commit(transaction).await
}

/// Waits until a view over the service's own log has handled all of it. (Of a view over topics the audit has found that
/// nothing is missing.)
async fn handled_its_log<S: Store>(store: &S, part: &Part) -> Result<(), ShopError> {
    let log = PartitionId::Log(Slices::ALL);
    if !part.input().partitions.contains(&log) {
        return Ok(());
    }
    loop {
        let stands = store.checkpoint(part.name(), &log).await.at(part.name())?;
        let after = Position::new(stands.map_or(0, |checkpoint| checkpoint.offset.get()));
        let query = LogQuery {
            after,
            reads: &[],
            slices: Slices::ALL,
            limit: 1,
        };
        if store.read_log(query).await.at(part.name())?.upto.is_none() {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn remember<S: Store>(store: &S, part: &Part) -> Result<Before, ShopError> {
    let view = part.name();
    let mut checkpoints = HashMap::new();
    for partition in &part.input().partitions {
        let checkpoint = store.checkpoint(view, partition).await.at(view)?;
        checkpoints.extend(checkpoint.map(|checkpoint| (partition.clone(), checkpoint)));
    }
    let documents = bodies(store, view).await?;
    Ok(Before {
        view,
        categories: part.input().categories.clone(),
        documents,
        checkpoints,
    })
}

/// Waits until the view is as far as it was.
async fn caught_up<S: Store>(store: &S, before: &Before) -> Result<(), ShopError> {
    let view = before.view;
    for (partition, was) in &before.checkpoints {
        let (mut last, mut moved) = (None, Instant::now());
        loop {
            let now = store.checkpoint(view, partition).await.at(view)?;
            if now.is_some_and(|now| now.offset >= was.offset) {
                break;
            }
            if now != last {
                (last, moved) = (now, Instant::now());
            }
            if moved.elapsed() > PATIENCE {
                let reason = format!(
                    "the rebuild stands still on {partition} before {}",
                    was.offset
                );
                return Err(ShopError::new(view, &reason));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
    Ok(())
}

/// The first document that is not what it was. Compared as JSON, since a database may store it with other spaces.
fn difference(view: &str, before: &Pages<Vec<u8>>, now: &Pages<Vec<u8>>) -> Option<String> {
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
        "view {view} was not rebuilt as it was: {key} was {was}, is {is}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(documents: &[(&str, &str)]) -> Pages<Vec<u8>> {
        let page = |(key, body): &(&str, &str)| ((*key).to_owned(), body.as_bytes().to_vec());
        documents.iter().map(page).collect()
    }

    #[test]
    fn equal_documents_may_be_written_differently() {
        let (was, is) = (
            pages(&[("a", r#"{"x":1,"y":2}"#)]),
            pages(&[("a", r#"{"y": 2, "x": 1}"#)]),
        );
        assert_eq!(difference("v", &was, &is), None);
    }

    #[test]
    fn a_document_that_is_missing_or_other_or_new_is_named() {
        let was = pages(&[("a", "1")]);
        let said = |is: &[(&str, &str)]| difference("v", &was, &pages(is)).unwrap_or_default();
        assert!(said(&[]).ends_with("a was 1, is not there"));
        assert!(said(&[("a", "2")]).ends_with("a was 1, is 2"));
        assert!(said(&[("a", "1"), ("b", "1")]).ends_with("b was not there, is 1"));
    }
}
