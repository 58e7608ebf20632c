//! The state that all tasks of a run share: its progress, and whether it must stop.

use std::{
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::sync::watch;

use crate::{
    error::CheckError,
    ids::{RunId, StreamNumber},
    plan::Plan,
};

/// The state of a run.
#[derive(Debug)]
pub struct RunState {
    /// The id of the run, which is part of the id of each event.
    pub run: RunId,
    /// The plan of the run.
    pub plan: Plan,
    /// When the run started.
    pub started: Instant,
    /// How many appends were acknowledged.
    commits: watch::Sender<u64>,
    /// The highest acknowledged position.
    last_position: AtomicU64,
    /// The number of the next new stream.
    next_stream: AtomicU32,
    /// The highest acknowledged version of each hot stream.
    hot_versions: Vec<AtomicU64>,
    /// The position of each reader.
    reader_positions: Vec<AtomicU64>,
    stop: watch::Sender<bool>,
    end: OnceLock<LogEnd>,
    failure: Mutex<Option<CheckError>>,
}

/// The end of the log, after the last write.
#[derive(Debug, Clone, Copy)]
struct LogEnd {
    position: u64,
    known_since: tokio::time::Instant,
}

impl RunState {
    pub(crate) fn new(plan: Plan) -> Self {
        let zeros = |count: u32| (0..count).map(|_| AtomicU64::new(0)).collect();
        Self {
            run: RunId::new(fastrand::u64(..)),
            started: Instant::now(),
            commits: watch::channel(0).0,
            last_position: AtomicU64::new(0),
            next_stream: AtomicU32::new(StreamNumber::HOT),
            hot_versions: zeros(StreamNumber::HOT),
            reader_positions: zeros(plan.readers.into()),
            stop: watch::channel(false).0,
            end: OnceLock::new(),
            failure: Mutex::new(None),
            plan,
        }
    }

    /// Records an acknowledged append.
    pub(crate) fn acknowledge(&self, position: Option<u64>) {
        self.last_position
            .fetch_max(position.unwrap_or_default(), Relaxed);
        let mut commits = 0;
        self.commits.send_modify(|count| {
            *count += 1;
            commits = *count;
        });
        if commits >= self.plan.commits {
            self.stop();
        }
    }

    /// How many appends were acknowledged.
    #[must_use]
    pub fn commits(&self) -> u64 {
        *self.commits.borrow()
    }

    /// The highest acknowledged position.
    pub(crate) fn last_position(&self) -> u64 {
        self.last_position.load(Relaxed)
    }

    /// A stream that nobody has written to.
    pub(crate) fn new_stream(&self) -> StreamNumber {
        StreamNumber(self.next_stream.fetch_add(1, Relaxed))
    }

    /// Every stream that a writer may have written to.
    pub fn streams(&self) -> impl Iterator<Item = StreamNumber> + Send + use<> {
        (0..self.next_stream.load(Relaxed)).map(StreamNumber)
    }

    /// A version that the stream has reached; 0 for a stream that is not hot.
    pub(crate) fn version(&self, stream: StreamNumber) -> u64 {
        let version = self.hot_versions.get(stream.index());
        version.map_or(0, |version| version.load(Relaxed))
    }

    /// Records that the stream has reached this version.
    pub(crate) fn reached(&self, stream: StreamNumber, version: u64) {
        if let Some(hot) = self.hot_versions.get(stream.index()) {
            hot.fetch_max(version, Relaxed);
        }
    }

    /// The position of each reader.
    pub(crate) fn reader_positions(&self) -> impl Iterator<Item = u64> {
        self.reader_positions
            .iter()
            .map(|position| position.load(Relaxed))
    }

    /// Records that a reader has reached this position.
    pub(crate) fn read_up_to(&self, reader: usize, position: u64) {
        if let Some(last) = self.reader_positions.get(reader) {
            last.store(position, Relaxed);
        }
    }

    /// Stops the writers.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Stops the run without a verdict.
    pub(crate) fn fail(&self, error: CheckError) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert(error);
        self.stop();
    }

    /// Why the run has no verdict, if it failed.
    pub(crate) fn take_failure(&self) -> Option<CheckError> {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.take()
    }

    /// Whether the writers must stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Waits until the writers must stop.
    pub async fn stopped(&self) {
        // The sender is in `self`, so waiting cannot fail.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }

    /// Waits for this time, or until the writers must stop.
    pub async fn sleep(&self, time: Duration) {
        let _ = tokio::time::timeout(time, self.stopped()).await;
    }

    /// Waits until other writers have committed this many times, for at most `time_limit`, or until the writers must stop.
    pub async fn wait_for_commits(&self, commits: u64, time_limit: Duration) {
        let target = self.commits().saturating_add(commits);
        let mut acknowledged = self.commits.subscribe();
        let reached = acknowledged.wait_for(|count| *count >= target);
        let _ = tokio::time::timeout(time_limit, async {
            tokio::select! {
                _ = reached => {}
                () = self.stopped() => {}
            }
        })
        .await;
    }

    /// Records the end of the log, after the last write.
    pub(crate) fn end_at(&self, position: u64) {
        let _ = self.end.set(LogEnd {
            position,
            known_since: tokio::time::Instant::now(),
        });
    }

    /// The position at which the log ends; `None` while it may still grow.
    pub(crate) fn end(&self) -> Option<u64> {
        self.end.get().map(|end| end.position)
    }

    /// When the end of the log became known; the present time while it is unknown.
    pub(crate) fn end_known_since(&self) -> tokio::time::Instant {
        let end = self.end.get();
        end.map_or_else(tokio::time::Instant::now, |end| end.known_since)
    }
}
