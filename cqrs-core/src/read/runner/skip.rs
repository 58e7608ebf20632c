//! Passes over one event that a role cannot handle.

use crate::{
    codec::CodecError,
    model::{Checkpoint, Offset, PartitionId, Position, RecordedEvent, Slices},
    ports::{
        AdvanceError, Checkpoints, CommitError, Discarded, Discards, EventStore, Inbox, LogQuery,
        LogReplaced, SourceError, StoreError, check_page,
    },
    read::{handler::Handler, runner::LogRunner},
};

/// An event or a record that was not skipped. The subscription is where it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SkipError {
    /// The event at the position is not the next one of the subscription.
    #[error(
        "subscription {subscription:?} cannot skip the event at position {position}: its next event is {next}; only the event \
         that its runner has stopped at can be skipped"
    )]
    NotNext {
        /// The subscription.
        subscription: String,
        /// The position of the event that was to be skipped.
        position: Position,
        /// The next event, as text.
        next: String,
    },
    /// The record is not the next one of the subscription.
    #[error(
        "subscription {subscription:?} cannot skip offset {offset} of {partition}: it is at offset {at}, {}; only the record \
         that its runner has stopped at can be skipped",
        next_record(*next)
    )]
    NotNextRecord {
        /// The subscription.
        subscription: String,
        /// The partition.
        partition: PartitionId,
        /// The offset of the record that was to be skipped.
        offset: Offset,
        /// Its checkpoint.
        at: Offset,
        /// The offset of its next record, if there is one.
        next: Option<Offset>,
    },
    /// A runner of the subscription has handled records since this call began.
    #[error(
        "a runner of subscription {subscription:?} has moved on {partition} during the call: it is at offset {at} now; if it stops \
         there, skip that record"
    )]
    Moved {
        /// The subscription.
        subscription: String,
        /// The partition.
        partition: PartitionId,
        /// Its checkpoint.
        at: Offset,
    },
    /// The reason is empty.
    #[error("an event or record is skipped for a reason; say why")]
    NoReason,
    /// The role's events are not an externally tagged enum.
    #[error("the role cannot be run")]
    Role(#[from] CodecError),
    /// The log is not the one that the subscription has read.
    #[error("the subscription cannot continue in another log")]
    LogReplaced(#[from] LogReplaced),
    /// The topic cannot be read.
    #[error("the record could not be read")]
    Source(#[from] SourceError),
    /// The store failed, or a runner of this subscription was faster: try again.
    #[error("nothing was skipped")]
    Store(#[source] CommitError),
}

fn next_record(next: Option<Offset>) -> String {
    next.map_or_else(
        || "and no record is there yet".to_owned(),
        |next| format!("and its next record is at offset {next}"),
    )
}

/// The reason, unless it says nothing.
pub(super) fn stated(reason: impl Into<String>) -> Result<String, SkipError> {
    let reason = reason.into();
    if reason.trim().is_empty() {
        return Err(SkipError::NoReason);
    }
    Ok(reason)
}

impl From<CommitError> for SkipError {
    fn from(error: CommitError) -> Self {
        Self::Store(error)
    }
}

impl From<StoreError> for SkipError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

impl From<AdvanceError> for SkipError {
    fn from(error: AdvanceError) -> Self {
        Self::Store(error.into())
    }
}

impl<S: EventStore + Checkpoints + Inbox + Discards, H: Handler<S>> LogRunner<S, H> {
    /// Passes over the event at `position`, which the role cannot handle, and records it with the reason. The next start
    /// continues after it. Other subscriptions still handle the event.
    ///
    /// It is the way past an event that stopped the runner ([`Poison`](crate::read::RunnerErrorKind::Poison)) and that no new version
    /// of the role should handle. If the role can be changed, change it instead: a skipped event is missing in what the
    /// subscription builds, and it stops a rebuild again. Other runners of the subscription may run meanwhile.
    ///
    /// # Errors
    /// [`SkipError::NotNext`] when the event is not the next one: everything before it must be handled. The store's errors.
    pub async fn skip(
        &self,
        position: Position,
        reason: impl Into<String>,
    ) -> Result<Discarded, SkipError> {
        let reason = stated(reason)?;
        let subscription = self.handler.subscription();
        let log = PartitionId::Log(Slices::ALL);
        let claim = self.store.claim(subscription, &log).await?;
        let event = self.next_event(claim.at).await?;
        let event = match event {
            Some(event) if event.position == position => event,
            other => return Err(self.not_next(position, other)),
        };
        let to = Checkpoint::after(position, event.id);
        let discarded = Discarded::new(subscription, Some(event.into()), None, reason);
        let mut transaction = self.store.begin().await?;
        self.store
            .advance_in(
                &mut transaction,
                subscription,
                &log,
                claim.epoch,
                claim.at,
                to,
            )
            .await?;
        self.store.discard_in(&mut transaction, &discarded).await?;
        self.store.commit(transaction).await?;
        tracing::warn!(subscription, %position, reason = discarded.reason, "an event is skipped");
        Ok(discarded)
    }

    /// The next event that the role reads.
    async fn next_event(
        &self,
        from: Option<Checkpoint>,
    ) -> Result<Option<RecordedEvent>, SkipError> {
        let reads = self.handler.reads()?;
        let mut at = from;
        loop {
            let after = Position::new(at.map_or(0, |at| at.offset.get()));
            let query = LogQuery::new(after, 1).reads(&reads);
            let page = self.store.read_log(query).await?;
            check_page(&page, at)?;
            match (page.events.into_iter().next(), page.upto) {
                (Some(event), _) => return Ok(Some(event)),
                (None, None) => return Ok(None),
                (None, upto) => at = upto,
            }
        }
    }

    fn not_next(&self, position: Position, next: Option<RecordedEvent>) -> SkipError {
        SkipError::NotNext {
            subscription: self.handler.subscription().to_owned(),
            position,
            next: next.map_or_else(|| "not there yet".to_owned(), |event| event.to_string()),
        }
    }
}
