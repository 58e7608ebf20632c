//! What the read side does: one statement for all subscriptions.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use cqrs_core::{
    EventId, Position, StoreError, StoreErrorKind,
    model::{Checkpoint, Fingerprint, Offset, PartitionId},
    ports::{
        BoxError, HeldMark, Inspect, Lag, Operation, Overview, ParkedSummary, PartitionInfo,
        PartitionState, RelayInfo, SubscriptionInfo,
    },
};
use serde::Deserialize;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use super::partitions::partition;
use crate::{
    fence_holders::FenceHolder,
    row::{signed, unsigned},
    store::PgEventStore,
};

impl Inspect for PgEventStore {
    async fn overview(&self) -> Result<Overview, StoreError> {
        let query = sqlx::query_scalar(self.backend().statements.overview.sql());
        let found: String = self
            .backend()
            .ask(async |connection| query.fetch_one(connection).await)
            .await?;
        let found: Found = serde_json::from_str(&found).map_err(unreadable)?;
        found.overview()
    }

    async fn operations(
        &self,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Operation>, StoreError> {
        let query = sqlx::query_as(self.backend().statements.operations.sql())
            .bind(before.map_or(i64::MAX, signed))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows: Vec<OperationRow> = self
            .backend()
            .ask(async |connection| query.fetch_all(connection).await)
            .await?;
        rows.into_iter().map(OperationRow::operation).collect()
    }
}

/// What the statement returns.
#[derive(Deserialize)]
struct Found {
    partitions: Vec<PartitionRow>,
    parked: Vec<ParkedRow>,
    relays: Vec<RelayRow>,
    held: Vec<HeldRow>,
}

impl Found {
    fn overview(self) -> Result<Overview, StoreError> {
        let mut subscriptions: BTreeMap<String, SubscriptionInfo> = BTreeMap::new();
        for row in self.partitions {
            let name = row.subscription.clone();
            let new = || SubscriptionInfo::new(&name);
            let subscription = subscriptions.entry(name.clone()).or_insert_with(new);
            subscription.partitions.push(row.info()?);
        }
        for row in self.parked {
            let new = || SubscriptionInfo::new(&row.subscription);
            let subscription = subscriptions.entry(row.subscription.clone());
            subscription.or_insert_with(new).parked.push(row.summary());
        }
        let relays = self.relays.into_iter().map(|row| {
            let since = row.owned_for.map(seconds);
            RelayInfo::new(row.name, row.owner, since)
        });
        let held = self.held.into_iter().map(HeldRow::held);
        let overview = Overview::new(subscriptions.into_values().collect());
        Ok(overview.relays(relays.collect()).held(held.collect()))
    }
}

#[derive(Deserialize)]
struct PartitionRow {
    subscription: String,
    partition: String,
    from_slice: Option<i32>,
    to_slice: Option<i32>,
    offset: Option<i64>,
    event_id: Option<Uuid>,
    paused: bool,
    stopped: Option<String>,
    moved: f64,
    owner: Option<String>,
    owned_for: Option<f64>,
    events: Option<i64>,
    at_least: Option<bool>,
    age: Option<f64>,
}

impl PartitionRow {
    fn info(self) -> Result<PartitionInfo, StoreError> {
        let id = match (self.from_slice, self.to_slice) {
            (Some(from), Some(to)) => partition(from, to)?,
            _ => topic(&self.partition)?,
        };
        let event_id = self.event_id.map(EventId::from_uuid);
        let at = self.offset.map(unsigned).map(Offset::new);
        let at = at.map(|offset| Checkpoint::new(offset, event_id));
        let state = match (self.stopped, self.paused) {
            (Some(reason), _) => PartitionState::Stopped { reason },
            (None, true) => PartitionState::Paused,
            (None, false) => PartitionState::Ready,
        };
        let lag = self.events.zip(self.at_least);
        let lag = lag
            .map(|(events, at_least)| Lag::new(unsigned(events), at_least, self.age.map(seconds)));
        let info = PartitionInfo::new(id, at, seconds(self.moved));
        Ok(info
            .state(state)
            .owned(self.owner, self.owned_for.map(seconds))
            .behind(lag))
    }
}

#[derive(Deserialize)]
struct ParkedRow {
    subscription: String,
    fingerprint: i64,
    keys: i64,
    requested: i64,
    event_type: String,
    reason: String,
    parked_for: f64,
}

impl ParkedRow {
    fn summary(self) -> ParkedSummary {
        ParkedSummary::new(
            Fingerprint::new(self.fingerprint.cast_unsigned()),
            unsigned(self.keys),
            unsigned(self.requested),
            self.event_type,
            self.reason,
            seconds(self.parked_for),
        )
    }
}

#[derive(Deserialize)]
struct RelayRow {
    name: String,
    owner: Option<String>,
    owned_for: Option<f64>,
}

/// A transaction that holds readers back, without its statement, which may hold data.
#[derive(Deserialize)]
struct HeldRow {
    position: i64,
    pid: Option<i32>,
    prepared: Option<String>,
    age: Option<f64>,
    state: Option<String>,
    application_name: Option<String>,
}

impl HeldRow {
    fn held(self) -> HeldMark {
        let age = self.age.map(seconds);
        let holder = FenceHolder {
            position: Position::new(unsigned(self.position)),
            pid: self.pid,
            prepared: self.prepared,
            age,
            state: self.state,
            application_name: self.application_name,
            query: None,
        };
        HeldMark::new(holder.position, age, holder.to_string())
    }
}

#[derive(sqlx::FromRow)]
struct OperationRow {
    id: i64,
    at: OffsetDateTime,
    who: String,
    face: String,
    verb: String,
    arguments: String,
    reason: Option<String>,
    outcome: Option<String>,
}

impl OperationRow {
    fn operation(self) -> Result<Operation, StoreError> {
        let arguments: Map<String, Value> =
            serde_json::from_str(&self.arguments).map_err(unreadable)?;
        let at = SystemTime::from(self.at);
        let operation = Operation::new(unsigned(self.id), at, self.who, self.face, self.verb);
        let mut operation = operation.with(arguments);
        operation.reason = self.reason;
        operation.outcome = self.outcome;
        Ok(operation)
    }
}

/// `topic orders/3`.
fn topic(partition: &str) -> Result<PartitionId, StoreError> {
    let parts = partition.strip_prefix("topic ").and_then(|rest| {
        let (topic, number) = rest.rsplit_once('/')?;
        Some((topic, number.parse().ok()?))
    });
    let (topic, partition) = parts.ok_or_else(|| unreadable(partition.to_owned()))?;
    let topic = topic.into();
    Ok(PartitionId::Topic { topic, partition })
}

/// A clock that went back makes no negative ages.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

fn unreadable(cause: impl Into<BoxError>) -> StoreError {
    let message = "the overview of the subscriptions cannot be read";
    StoreError::new(StoreErrorKind::Undecodable, message).caused_by(cause)
}
