//! Passes over one record of a topic that a subscription cannot handle.
//!
//! **Invariant**: the checkpoint moves over exactly one record, the one that was named, and only from the place right before
//! it, in the transaction that records it. So nothing else is passed over, and a repeat of the call is refused.

use crate::{
    model::{Checkpoint, Claim, Offset, PartitionId},
    ports::{Control, Discarded, FoundRecord, RecordSource, Skip},
    read::{
        handler::Handler,
        runner::{Runner, skip::stated, skip_error::SkipError},
    },
};

impl<S: Control, H: Handler<S>, R: RecordSource> Runner<S, H, R> {
    /// Passes over the record at `offset` of a topic's partition, which is not an event or which the role cannot handle. The
    /// store keeps its key, value and headers with the reason. The next start continues after it. Other subscriptions still
    /// read the record.
    ///
    /// It is the way past a record that stopped the runner ([`Malformed`](crate::ports::SourceError::Malformed) or
    /// [`Poison`](crate::read::RunnerErrorKind::Poison)); the error has the topic, the partition and the offset. Correct the producer
    /// or the role first if you can: a skipped record is missing in what the subscription builds, and it stops a rebuild again.
    ///
    /// Other runners of the subscription may run meanwhile: the one on this partition is fenced, and continues after the record.
    /// Nothing joins the consumer group.
    ///
    /// # Errors
    /// [`SkipError::NotNextRecord`] when another record is next, or none is there. [`SkipError::Moved`] when a runner of the
    /// subscription has moved meanwhile. The source's and the store's errors. After any of them the subscription is where it was.
    pub async fn skip_record(
        &self,
        topic: &str,
        partition: i32,
        offset: Offset,
        reason: impl Into<String>,
    ) -> Result<Discarded, SkipError> {
        let reason = stated(reason)?;
        let subscription = self.handler.subscription();
        let topic = topic.into();
        let partition = PartitionId::Topic { topic, partition };
        let at = self.store.checkpoint(subscription, &partition).await?;
        let found = self.record_at(&partition, at, offset).await?;
        let claim = self.claim_at(&partition, at).await?;
        self.discard(&partition, claim, found, reason).await
    }

    /// The record at `offset`, if it is the first one that the subscription has not handled.
    async fn record_at(
        &self,
        partition: &PartitionId,
        at: Option<Checkpoint>,
        offset: Offset,
    ) -> Result<FoundRecord, SkipError> {
        let from = at.map(|at| at.offset);
        match self.source.first_record(partition, from).await? {
            Some(found) if found.record.offset == offset => Ok(found),
            other => Err(SkipError::NotNextRecord {
                subscription: self.handler.subscription().to_owned(),
                partition: partition.clone(),
                offset,
                at: from.unwrap_or_default(),
                next: other.map(|found| found.record.offset),
            }),
        }
    }

    async fn discard(
        &self,
        partition: &PartitionId,
        Claim { epoch, at, .. }: Claim,
        found: FoundRecord,
        reason: String,
    ) -> Result<Discarded, SkipError> {
        let subscription = self.handler.subscription();
        let offset = found.record.offset;
        let event = found.event.as_ref();
        let to = Checkpoint::new(Offset::new(offset.get() + 1), event.map(|event| event.id));
        let lane = event.and_then(|event| Some((event.lane.clone()?, event.position)));
        // Positions in the inbox only rise: the record may be a repeat.
        let known = self.store.received(subscription, partition).await?;
        let is_new = |lane: &_, position| !known.iter().any(|(l, p)| l == lane && *p >= position);
        let received = lane.filter(|(lane, position)| is_new(lane, *position));
        let event = found.event.map(Into::into);
        let discarded = Discarded::record(subscription, found.record, event, reason);

        let skip = Skip {
            partition,
            epoch,
            from: at,
            to,
            received,
            discarded: &discarded,
        };
        self.store.skip(skip).await?;
        tracing::warn!(subscription, %partition, %offset, reason = discarded.reason, "a record is skipped");
        Ok(discarded)
    }
}
