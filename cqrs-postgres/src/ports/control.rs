//! Changes by hand: each in one statement that also records it.

use cqrs_core::{
    StoreError,
    model::Slices,
    ports::{
        Control, ParkedKey, RepartitionError, check_reason, never_started, still_runs,
        unknown_relay,
    },
};

use super::{rights, waiting::topic_of};
use crate::{
    error::{commit, own_code},
    sql::statements::Statement,
    store::PgEventStore,
};

impl Control for PgEventStore {
    async fn repartition(
        &self,
        subscription: &str,
        partitions: u16,
        reason: &str,
    ) -> Result<u16, RepartitionError> {
        if !(1..=Slices::COUNT).contains(&partitions) {
            return Err(RepartitionError::Number(partitions));
        }
        check_reason(reason)?;
        let query = sqlx::query_scalar(self.backend().statements.repartition.sql())
            .bind(subscription)
            .bind(i32::from(partitions))
            .bind(reason);
        let mut connection = self.backend().acquire().await?;
        let made = connection.ask(async |connection| query.fetch_one(connection).await);
        let made: i32 = made.await.map_err(|error| {
            let subscription = subscription.to_owned();
            match own_code(&error) {
                Some("CQ009") => RepartitionError::Unknown(subscription),
                Some("CQ010") => RepartitionError::Slices(subscription),
                Some("CQ011") => RepartitionError::Selections(subscription),
                Some("CQ012") => RepartitionError::Parked(subscription),
                _ => commit(error).into(),
            }
        })?;
        Ok(u16::try_from(made).unwrap_or(partitions))
    }

    async fn redrive(&self, parked: &ParkedKey, reason: &str) -> Result<bool, StoreError> {
        self.request(parked, "redrive", reason).await
    }

    async fn discard(&self, parked: &ParkedKey, reason: &str) -> Result<bool, StoreError> {
        self.request(parked, "discard", reason).await
    }

    async fn pause(&self, subscription: &str, reason: &str) -> Result<(), StoreError> {
        self.ask_runners(subscription, Some("pause"), "pause", reason)
            .await
    }

    async fn resume(&self, subscription: &str, reason: &str) -> Result<(), StoreError> {
        self.ask_runners(subscription, None, "resume", reason).await
    }

    async fn remove(&self, subscription: &str, reason: &str) -> Result<(), StoreError> {
        let statement = &self.backend().statements.remove;
        if self.removed(statement, subscription, reason).await? {
            return Ok(());
        }
        Err(
            match self.living_member("subscription", subscription).await? {
                Some(process) => still_runs(subscription, &process),
                None => never_started(subscription),
            },
        )
    }

    async fn remove_relay(&self, relay: &str, reason: &str) -> Result<(), StoreError> {
        let statement = &self.backend().statements.remove_relay;
        if self.removed(statement, relay, reason).await? {
            return Ok(());
        }
        Err(match self.living_member("relay", relay).await? {
            Some(process) => still_runs(relay, &process),
            None => unknown_relay(relay),
        })
    }
}

impl PgEventStore {
    /// Removes what has this name. `false`: it was not there, or a process runs it.
    async fn removed(
        &self,
        statement: &Statement,
        name: &str,
        reason: &str,
    ) -> Result<bool, StoreError> {
        check_reason(reason)?;
        let query = sqlx::query_scalar(statement.sql()).bind(name).bind(reason);
        let mut connection = self.backend().acquire().await?;
        let asked = connection.ask(async |connection| query.fetch_optional(connection).await);
        let recorded: Option<i64> = asked.await.map_err(rights::recorded)?;
        Ok(recorded.is_some())
    }

    async fn living_member(&self, kind: &str, name: &str) -> Result<Option<String>, StoreError> {
        let query = sqlx::query_scalar(self.backend().statements.living_member.sql())
            .bind(kind)
            .bind(name);
        let asked = self
            .backend()
            .ask(async |connection| query.fetch_optional(connection).await);
        asked.await
    }

    /// Asks the owner of a parked key.
    async fn request(
        &self,
        parked: &ParkedKey,
        requested: &str,
        reason: &str,
    ) -> Result<bool, StoreError> {
        check_reason(reason)?;
        let query = sqlx::query_scalar(self.backend().statements.request_parked.sql())
            .bind(&parked.subscription)
            .bind(parked.key.to_string())
            .bind(parked.key.stream().is_some())
            .bind(parked.event.id.as_uuid())
            .bind(requested)
            .bind(reason)
            .bind(topic_of(parked.topic.as_ref()));
        let mut connection = self.backend().acquire().await?;
        let asked = connection.ask(async |connection| query.fetch_optional(connection).await);
        let recorded: Option<i64> = asked.await.map_err(rights::recorded)?;
        Ok(recorded.is_some())
    }

    /// Asks the runners of a subscription to wait, or to go on.
    async fn ask_runners(
        &self,
        subscription: &str,
        requested: Option<&str>,
        verb: &str,
        reason: &str,
    ) -> Result<(), StoreError> {
        check_reason(reason)?;
        let query = sqlx::query_scalar(self.backend().statements.request_of_runners.sql())
            .bind(subscription)
            .bind(requested)
            .bind(verb)
            .bind(reason);
        let mut connection = self.backend().acquire().await?;
        let asked = connection.ask(async |connection| query.fetch_optional(connection).await);
        let recorded: Option<i64> = asked.await.map_err(rights::recorded)?;
        match recorded {
            Some(_) => Ok(()),
            None => Err(never_started(subscription)),
        }
    }
}
