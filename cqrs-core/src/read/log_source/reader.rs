//! Reads a partition of the log.

use std::{fmt, sync::Arc, time::Duration};

use super::held::HeldPartition;
use crate::{
    model::{
        Checkpoint, Claim, EventFilter, MemberId, PartitionId, Position, RecordedEvent, Selection,
        Slices,
    },
    ports::{
        Batch, EventStore, GivenBack, LogQuery, LogReplaced, Next, Reader, SourceError, StoreError,
        check_page,
    },
    run_loop::PageLimit,
};

/// The first wait of a reader without new events before it polls again. A writer in this process wakes it at once.
const FIRST_WAIT: Duration = Duration::from_millis(2);

/// The wait doubles up to this.
pub(super) const LONGEST_WAIT: Duration = Duration::from_millis(50);

/// How many events are looked at in one page for one that was passed over.
const PASSED_OVER_PAGE: usize = 100;

/// The slice of an event.
#[derive(Clone)]
pub(super) struct SliceOf(pub(super) Arc<dyn Fn(&RecordedEvent) -> u16 + Send + Sync>);

impl fmt::Debug for SliceOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SliceOf(..)")
    }
}

/// Reads the log of a store.
#[derive(Debug)]
pub struct LogReader<S> {
    store: S,
    reads: Vec<EventFilter>,
    /// The slices that the store is asked for.
    slices: Slices,
    /// `None`: that of its stream.
    slice_of: Option<SliceOf>,
    held: HeldPartition,
    /// The last event that was read.
    at: Option<Checkpoint>,
    limit: PageLimit,
    /// The next wait if there are no new events.
    wait: Duration,
}

impl<S: EventStore> LogReader<S> {
    pub(super) fn new(
        store: S,
        reads: Vec<EventFilter>,
        slices: Slices,
        slice_of: Option<SliceOf>,
        held: HeldPartition,
    ) -> Self {
        Self {
            store,
            reads,
            slices,
            slice_of,
            held,
            at: None,
            limit: PageLimit::default(),
            wait: FIRST_WAIT,
        }
    }

    fn query(&self, after: Position, limit: usize) -> LogQuery<'_> {
        LogQuery::new(after, limit).slices(self.slices)
    }

    fn slice_of(&self, event: &RecordedEvent) -> u16 {
        match &self.slice_of {
            Some(slice_of) => slice_of.0(event),
            None => event.stream.slice(),
        }
    }

    /// Whether the event is in the partition. The store has taken others out, unless keys decide.
    fn is_own(&self, event: &RecordedEvent) -> bool {
        match (&self.slice_of, &self.held.partition) {
            (Some(slice_of), PartitionId::Log(slices)) => slices.contains(slice_of.0(event)),
            _ => true,
        }
    }

    fn replaced(&self, replaced: LogReplaced) -> SourceError {
        SourceError::LogReplaced {
            partition: self.held.partition.clone(),
            replaced,
        }
    }

    /// Checks that the log still has the event at which a part that is ahead is anchored: otherwise new events would be passed over.
    async fn verify(&self, at: Checkpoint) -> Result<(), SourceError> {
        let position = Position::new(at.offset.get());
        let found = self.store.event_id_at(position).await;
        let found = found.map_err(source_error)?;
        if found == at.event_id {
            return Ok(());
        }
        Err(self.replaced(LogReplaced::new(position, at.event_id, found)))
    }
}

impl<S: EventStore> LogReader<S> {
    /// Waits until events may have been appended, or the reader must stop.
    async fn wait(&mut self) {
        let mut stop = self.held.revoked.clone();
        tokio::select! {
            () = self.store.wait_for_append(self.wait) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
    }
}

pub(super) fn source_error(error: StoreError) -> SourceError {
    if error.is_retryable() {
        SourceError::Unavailable(error.into())
    } else {
        SourceError::Fatal(error.into())
    }
}

impl<S: EventStore> Reader for LogReader<S> {
    fn partition(&self) -> &PartitionId {
        &self.held.partition
    }

    fn member(&self) -> Option<MemberId> {
        Some(self.held.member)
    }

    async fn start(&mut self, claim: &Claim) -> Result<(), SourceError> {
        let mut verified = None;
        for part in &claim.ahead {
            if verified != Some(part.at) {
                self.verify(part.at).await?;
                verified = Some(part.at);
            }
        }
        self.at = claim.at;
        Ok(())
    }

    async fn passed_over(
        &mut self,
        filters: &[EventFilter],
        before: &Selection,
        claim: &Claim,
    ) -> Result<Option<String>, SourceError> {
        let places = claim.ahead.iter().map(|part| part.at).chain(claim.at);
        let last = places.map(|at| at.offset.get()).max().unwrap_or_default();
        let mut after = Position::START;
        while after < Position::new(last) {
            let query = self.query(after, PASSED_OVER_PAGE).reads(filters);
            let page = self.store.read_log(query).await.map_err(source_error)?;
            let is_new = |event: &&RecordedEvent| {
                let place = claim.place_of(self.slice_of(event));
                place.is_some_and(|at| event.position.get() <= at.offset.get())
                    && !before.matches(event.stream.category().as_str(), &event.event_type)
            };
            let is_own = |event: &&RecordedEvent| self.is_own(event) && is_new(event);
            if let Some(event) = page.events.iter().find(is_own) {
                return Ok(Some(event.to_string()));
            }
            let Some(upto) = page.upto else { break };
            after = Position::new(upto.offset.get());
        }
        Ok(None)
    }

    async fn next(&mut self, max: usize) -> Result<Next, SourceError> {
        if self.revoked() {
            return Ok(Next::Revoked);
        }
        let after = Position::new(self.at.map_or(0, |checkpoint| checkpoint.offset.get()));
        let query = self.query(after, self.limit.limit(max)).reads(&self.reads);
        let mut stop = self.held.revoked.clone();
        let page = tokio::select! {
            biased;
            page = self.store.read_log(query) => page.map_err(source_error)?,
            _ = stop.wait_for(|stop| *stop) => return Ok(Next::Revoked),
        };
        self.limit.note(&page);
        check_page(&page, self.at).map_err(|replaced| self.replaced(replaced))?;
        let Some(next) = page.upto else {
            self.wait().await;
            return Ok(Next::Idle);
        };
        self.at = Some(next);
        self.wait = FIRST_WAIT;
        let mut events = page.events;
        events.retain(|event| self.is_own(event));
        Ok(Next::Batch(Batch::new(events, next)))
    }

    async fn back_off(&mut self, wait: Duration) {
        // Ends after the wait or at a stop; the caller checks `revoked`.
        let _ = tokio::time::timeout(wait, self.held.revoked.wait_for(|revoked| *revoked)).await;
    }

    fn revoked(&self) -> bool {
        self.held.is_revoked()
    }

    fn has_others(&self) -> bool {
        self.held.has_others()
    }

    fn given_back(&mut self, why: GivenBack) {
        self.held.why = Some(why);
    }
}
