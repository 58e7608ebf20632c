//! Continues a relay whose progress does not fit its log or its topics any more. An operator calls it, after the relay has
//! ended with an error that says so.

use super::{Relay, RelayError, RelayErrorKind};
use crate::{
    model::{Checkpoint, Position},
    ports::{EventStore, Publication, PublishedShard, Publisher, StoreError, check_reason},
};

/// How many of the last records of each partition are read at first.
const FIRST_DEPTH: u64 = 1_000;

/// How many times more records are read if these do not have an event of the log.
const GROWTH: u64 = 10;

/// Where a shard can continue.
struct Common {
    /// The last event that both the log and the topics have; `None`: the topics have none of the log.
    at: Option<Checkpoint>,
    /// Whether the topics have later events, under the log's present id, that the log lacks.
    lost: bool,
}

impl<S: EventStore, P: Publisher> Relay<S, P> {
    /// Continues after the last event that the log and the topics have in common. Returns its position.
    ///
    /// It is the way on after errors that name it: the progress was lost, the database was moved, the log has lost published
    /// events, or a topic got partitions. It compares the ends of all topics with the log and records what it found; nothing
    /// is published. The next [`run`](Self::run) publishes exactly the events that the topics lack.
    ///
    /// Published events that the log has lost stay in the topics. The events that the log stores at their positions get a new
    /// log id, so that subscriptions do not take them for repeats ([`EventStore::renew_id`]). The store records the operation
    /// with the reason before it has any effect, and its outcome afterwards.
    ///
    /// A process that runs this relay is fenced.
    ///
    /// # Errors
    /// The errors of the publisher and of the store; an empty reason is an error of the store. On PostgreSQL the role of the
    /// store must have `Access::Service`.
    pub async fn recover(&self, reason: &str) -> Result<Position, RelayError> {
        let outcome = |at: &Position| format!("continues after position {at}");
        let recovered = self.recorded("recover", reason, outcome, self.try_recover(reason));
        recovered.await.map_err(|kind| self.error(kind))
    }

    /// Publishes everything from the beginning with the next [`run`](Self::run).
    ///
    /// It is the way on after a topic was deleted and created again. Every topic gets every event of its category once more.
    /// Subscriptions know the events that they had, and handle each once. One whose checkpoint is beyond the end of the new
    /// topic must be [rewound](crate::Runner::rewind) first. Programs that read the topics without this framework see repeats.
    ///
    /// A topic must have as many partitions as before, and the relay as many shards: subscriptions know by both what they had.
    /// Another number is refused. The store records the operation with the reason before it has any effect, and its outcome
    /// afterwards.
    ///
    /// A process that runs this relay is fenced.
    ///
    /// # Errors
    /// As [`recover`](Self::recover).
    pub async fn publish_again(&self, reason: &str) -> Result<(), RelayError> {
        let restarted = async {
            let publication = self.publication().await?;
            let beginning = vec![None; usize::from(publication.shards)];
            Ok(self.publisher.restart(&publication, &beginning).await?)
        };
        let outcome = |(): &()| "starts at the beginning".to_owned();
        let restarted = self.recorded("publish_again", reason, outcome, restarted);
        restarted.await.map_err(|kind| self.error(kind))
    }

    async fn try_recover(&self, reason: &str) -> Result<Position, RelayErrorKind> {
        let mut publication = self.publication().await?;
        let shards = self.common(&publication).await?;
        let position = |shard: &Common| {
            Position::new(shard.at.map_or(0, |checkpoint| checkpoint.offset.get()))
        };
        if let Some(after) = shards.iter().filter(|shard| shard.lost).map(position).min() {
            publication.log = self.store.renew_id(after, reason).await?;
        }
        let published: Vec<_> = shards.iter().map(|shard| shard.at).collect();
        self.publisher.restart(&publication, &published).await?;
        let position = shards.iter().map(position).min().unwrap_or_default();
        tracing::warn!(relay = self.name, %position, reason, "the relay continues after what the topics have");
        Ok(position)
    }

    /// Records the operation before it runs, and its outcome afterwards: its effect is at the broker, and in no transaction of the
    /// store. If the outcome cannot be recorded, the operation has still happened.
    async fn recorded<T>(
        &self,
        verb: &str,
        reason: &str,
        outcome: impl FnOnce(&T) -> String,
        operation: impl Future<Output = Result<T, RelayErrorKind>>,
    ) -> Result<T, RelayErrorKind> {
        let arguments = [
            ("relay", self.name.clone()),
            ("shards", self.shards.to_string()),
        ];
        check_reason(reason)?;
        self.store
            .record_operation(verb, &arguments, reason)
            .await?;
        let result = operation.await;
        let outcome = match &result {
            Ok(value) => outcome(value),
            Err(error) => format!("failed: {error}"),
        };
        let recorded = self
            .store
            .record_outcome(verb, &arguments, reason, &outcome);
        if let Err(error) = recorded.await {
            tracing::warn!(relay = self.name, verb, outcome, %error, "the outcome of an operation is not recorded");
        }
        result
    }

    async fn common(&self, publication: &Publication) -> Result<Vec<Common>, RelayErrorKind> {
        let mut depth = FIRST_DEPTH;
        loop {
            let shards = self.publisher.published(publication, depth).await?;
            let mut found = Vec::new();
            for shard in &shards {
                found.extend(self.common_of(publication, shard).await?);
            }
            if found.len() == shards.len() {
                return Ok(found);
            }
            depth = depth.saturating_mul(GROWTH);
        }
    }

    /// `None`: more records must be read to find it.
    async fn common_of(
        &self,
        publication: &Publication,
        shard: &PublishedShard,
    ) -> Result<Option<Common>, StoreError> {
        let mut lost = false;
        for event in &shard.events {
            if shard
                .complete_after
                .is_some_and(|after| event.position <= after)
            {
                return Ok(None);
            }
            if self.store.event_id_at(event.position).await? == Some(event.id) {
                let at = Some(Checkpoint::after(event.position, event.id));
                return Ok(Some(Common { at, lost }));
            }
            lost |= event.log == publication.log.id_of(event.position);
        }
        let nothing = Common { at: None, lost };
        Ok(shard.complete_after.is_none().then_some(nothing))
    }

    fn error(&self, kind: RelayErrorKind) -> RelayError {
        RelayError {
            relay: self.name.clone(),
            kind,
        }
    }
}
