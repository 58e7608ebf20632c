//! The store's own log as a source.

use std::time::Duration;

use tokio::sync::watch;

use crate::{
    model::{
        Checkpoint, EventFilter, Offset, PartitionId, Position, RecordedEvent, Selection, Slices,
    },
    ports::{
        Batch, EventStore, HoldError, LogQuery, NameKind, Names, Next, Reader, Source, SourceError,
        StoreError, check_page,
    },
    run_loop::{OwnName, PageLimit},
};

/// The first wait of a reader without new events before it polls again. A writer in this process wakes it at once.
const FIRST_WAIT: Duration = Duration::from_millis(2);

/// The wait doubles up to this.
const LONGEST_WAIT: Duration = Duration::from_millis(50);

/// How many events are looked at in one page for one that was passed over.
const PASSED_OVER_PAGE: usize = 100;

/// The log of a store, as one partition.
///
/// With a [name](Self::named) only one process reads it at a time. Without one, two runners of the same subscription fence each
/// other in turns, which is safe but wasteful.
#[derive(Debug)]
pub struct LogSource<S> {
    store: S,
    reads: Vec<EventFilter>,
    name: Option<OwnName>,
    assigned: bool,
    /// `true`: stop. Each reader has a receiver, so that the sender knows when all readers are dropped.
    stop: watch::Sender<bool>,
}

impl<S: EventStore> LogSource<S> {
    /// The events of `store` that match `reads`; all of them when it is empty.
    #[must_use]
    pub fn new(store: &S, reads: Vec<EventFilter>) -> Self {
        Self {
            store: store.clone(),
            reads,
            name: None,
            assigned: false,
            stop: watch::channel(false).0,
        }
    }

    /// Holds the name of a subscription from the first assignment until it is dropped. If another process holds it for longer than
    /// the [lease](Names::lease), the assignment fails with [`SourceError::Held`].
    #[must_use]
    pub fn named(mut self, subscription: &str) -> Self {
        self.name = Some(OwnName::new(NameKind::Subscription, subscription));
        self
    }
}

impl<S: EventStore + Names> LogSource<S> {
    async fn take_name(&mut self) -> Result<(), SourceError> {
        match &mut self.name {
            Some(name) => name.take(&self.store).await.map_err(not_taken),
            None => Ok(()),
        }
    }

    /// Ends when the reader was dropped. Takes the name again if it is lost.
    async fn reader_dropped(&mut self) -> Result<(), SourceError> {
        while !*self.stop.borrow() {
            tokio::select! {
                () = self.stop.closed() => return Ok(()),
                () = lost(self.name.as_mut()) => {}
            }
            self.take_name().await?;
        }
        self.stop.closed().await;
        Ok(())
    }
}

async fn lost(name: Option<&mut OwnName>) {
    match name {
        Some(name) => name.lost().await,
        None => std::future::pending().await,
    }
}

fn not_taken(error: HoldError) -> SourceError {
    match error {
        HoldError::Held(holder) => SourceError::Held(holder),
        HoldError::Store(error) => source_error(error),
    }
}

impl<S: EventStore + Names> Source for LogSource<S> {
    type Reader = LogReader<S>;

    async fn assigned(&mut self) -> Result<Option<LogReader<S>>, SourceError> {
        if self.assigned {
            self.reader_dropped().await?;
        }
        if *self.stop.borrow() {
            return Ok(None);
        }
        self.take_name().await?;
        self.assigned = true;
        Ok(Some(LogReader {
            store: self.store.clone(),
            reads: self.reads.clone(),
            partition: PartitionId::Log(Slices::ALL),
            at: None,
            limit: PageLimit::default(),
            wait: FIRST_WAIT,
            stop: self.stop.subscribe(),
        }))
    }

    async fn ends(&mut self) -> Result<Vec<(PartitionId, Offset)>, SourceError> {
        let end = last_event(&self.store).await.map_err(source_error)?;
        let partition = PartitionId::Log(Slices::ALL);
        Ok(vec![(partition, Offset::new(end.get()))])
    }

    fn stop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// The position of the last event that is committed at the time of the call. Returns once that event can be read.
async fn last_event<S: EventStore>(store: &S) -> Result<Position, StoreError> {
    let end = store.last_position().await?;
    while store.high_water_mark().await? < end {
        store.wait_for_append(LONGEST_WAIT).await;
    }
    last_event_upto(store, end).await
}

/// The position of the last event at or before `end`, which the log can be read up to; the start if there is none.
pub(super) async fn last_event_upto<S: EventStore>(
    store: &S,
    end: Position,
) -> Result<Position, StoreError> {
    // The last positions may be those of appends that were rolled back.
    let mut window = 1;
    loop {
        let after = Position::new(end.get().saturating_sub(window));
        let events = usize::try_from(window).unwrap_or(usize::MAX);
        if let Some(last) = last_between(store, LogQuery::new(after, events), end).await? {
            return Ok(last);
        }
        if after == Position::START {
            return Ok(Position::START);
        }
        window = window.saturating_mul(16);
    }
}

/// The last event of a page, up to `end`.
async fn last_between<S: EventStore>(
    store: &S,
    mut query: LogQuery<'_>,
    end: Position,
) -> Result<Option<Position>, StoreError> {
    let mut last = None;
    loop {
        let page = store.read_log(query).await?;
        let positions = page.events.iter().map(|event| event.position);
        last = positions
            .filter(|position| *position <= end)
            .max()
            .max(last);
        match page.upto {
            Some(upto) if page.cut => query = query.after(Position::new(upto.offset.get())),
            _ => return Ok(last),
        }
    }
}

/// Reads the log of a store.
#[derive(Debug)]
pub struct LogReader<S> {
    store: S,
    reads: Vec<EventFilter>,
    partition: PartitionId,
    /// The last event that was read.
    at: Option<Checkpoint>,
    limit: PageLimit,
    /// The next wait if there are no new events.
    wait: Duration,
    stop: watch::Receiver<bool>,
}

impl<S: EventStore> LogReader<S> {
    /// Waits until events may have been appended, or the reader must stop.
    async fn wait(&mut self) {
        let mut stop = self.stop.clone();
        tokio::select! {
            () = self.store.wait_for_append(self.wait) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
    }
}

fn source_error(error: StoreError) -> SourceError {
    if error.is_retryable() {
        SourceError::Unavailable(error.into())
    } else {
        SourceError::Fatal(error.into())
    }
}

impl<S: EventStore> Reader for LogReader<S> {
    fn partition(&self) -> &PartitionId {
        &self.partition
    }

    async fn start(&mut self, at: Option<Checkpoint>) -> Result<(), SourceError> {
        self.at = at;
        Ok(())
    }

    async fn passed_over(
        &mut self,
        filters: &[EventFilter],
        before: &Selection,
        at: Checkpoint,
    ) -> Result<Option<String>, SourceError> {
        let at = Position::new(at.offset.get());
        let mut after = Position::START;
        while after < at {
            let query = LogQuery::new(after, PASSED_OVER_PAGE).reads(filters);
            let page = self.store.read_log(query).await.map_err(source_error)?;
            let is_new = |event: &&RecordedEvent| {
                event.position <= at
                    && !before.matches(event.stream.category().as_str(), &event.event_type)
            };
            if let Some(event) = page.events.iter().find(is_new) {
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
        let query = LogQuery::new(after, self.limit.limit(max)).reads(&self.reads);
        let mut stop = self.stop.clone();
        let page = tokio::select! {
            biased;
            page = self.store.read_log(query) => page.map_err(source_error)?,
            _ = stop.wait_for(|stop| *stop) => return Ok(Next::Revoked),
        };
        self.limit.note(&page);
        check_page(&page, self.at).map_err(|replaced| SourceError::LogReplaced {
            partition: self.partition.clone(),
            replaced,
        })?;
        let Some(next) = page.upto else {
            self.wait().await;
            return Ok(Next::Idle);
        };
        self.at = Some(next);
        self.wait = FIRST_WAIT;
        Ok(Next::Batch(Batch {
            events: page.events,
            next,
        }))
    }

    async fn back_off(&mut self, wait: Duration) {
        // Ends after the wait or at a stop; the caller checks `revoked`.
        let _ = tokio::time::timeout(wait, self.stop.wait_for(|stop| *stop)).await;
    }

    fn revoked(&self) -> bool {
        *self.stop.borrow()
    }
}
