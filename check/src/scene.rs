//! What everybody in a run shares: how far it has come, and whether it is to stop.

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
    names::{Run, StreamNumber},
    plan::Plan,
};

/// The state of a run while it lasts.
#[derive(Debug)]
pub struct Scene {
    /// Names the events of this run.
    pub run: Run,
    /// What was asked for.
    pub plan: Plan,
    /// When it began.
    pub begun: Instant,
    /// How many appends were acknowledged.
    acknowledged: watch::Sender<u64>,
    /// The highest position that was acknowledged.
    furthest: AtomicU64,
    /// The number of the next stream that nobody has written to.
    next_stream: AtomicU32,
    /// The highest acknowledged version of each hot stream.
    hot: Vec<AtomicU64>,
    /// Where each reader is.
    places: Vec<AtomicU64>,
    stop: watch::Sender<bool>,
    /// Where the log ends, once nobody writes any more.
    end: OnceLock<(u64, tokio::time::Instant)>,
    failure: Mutex<Option<CheckError>>,
}

impl Scene {
    /// Nothing has happened yet.
    pub(crate) fn new(plan: Plan) -> Self {
        Self {
            run: Run::new(fastrand::u64(..)),
            begun: Instant::now(),
            acknowledged: watch::channel(0).0,
            furthest: AtomicU64::new(0),
            next_stream: AtomicU32::new(StreamNumber::HOT),
            hot: (0..StreamNumber::HOT).map(|_| AtomicU64::new(0)).collect(),
            places: (0..plan.readers).map(|_| AtomicU64::new(0)).collect(),
            stop: watch::channel(false).0,
            end: OnceLock::new(),
            failure: Mutex::new(None),
            plan,
        }
    }

    /// Another append was acknowledged.
    pub(crate) fn acknowledge(&self, position: Option<u64>) {
        self.furthest
            .fetch_max(position.unwrap_or_default(), Relaxed);
        let mut done = 0;
        self.acknowledged.send_modify(|count| {
            *count += 1;
            done = *count;
        });
        if done >= self.plan.commits {
            self.stop();
        }
    }

    /// How many appends were acknowledged.
    #[must_use]
    pub fn commits(&self) -> u64 {
        *self.acknowledged.borrow()
    }

    /// The highest position that was acknowledged.
    pub(crate) fn furthest(&self) -> u64 {
        self.furthest.load(Relaxed)
    }

    /// A stream that nobody has written to.
    pub(crate) fn fresh_stream(&self) -> StreamNumber {
        StreamNumber(self.next_stream.fetch_add(1, Relaxed))
    }

    /// Every stream that anybody may have written to.
    pub fn streams(&self) -> impl Iterator<Item = StreamNumber> + Send + use<> {
        (0..self.next_stream.load(Relaxed)).map(StreamNumber)
    }

    /// A version that the stream has reached; 0 for one that is not hot.
    pub(crate) fn version(&self, stream: StreamNumber) -> u64 {
        let version = self.hot.get(stream.index());
        version.map_or(0, |version| version.load(Relaxed))
    }

    /// The stream has reached this version.
    pub(crate) fn reached(&self, stream: StreamNumber, version: u64) {
        if let Some(hot) = self.hot.get(stream.index()) {
            hot.fetch_max(version, Relaxed);
        }
    }

    /// Where each reader is.
    pub(crate) fn places(&self) -> impl Iterator<Item = u64> {
        self.places.iter().map(|place| place.load(Relaxed))
    }

    /// A reader has come this far.
    pub(crate) fn read_up_to(&self, reader: usize, place: u64) {
        if let Some(old) = self.places.get(reader) {
            old.store(place, Relaxed);
        }
    }

    /// Ends the writing.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Ends everything: no verdict can be given.
    pub(crate) fn fail(&self, error: CheckError) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert(error);
        self.stop();
    }

    /// Why no verdict can be given, if that is so.
    pub(crate) fn failure(&self) -> Option<CheckError> {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.take()
    }

    /// Whether the writing is to end.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Returns when the writing is to end.
    pub async fn stopped(&self) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }

    /// Waits, but not beyond the end of the writing.
    pub async fn pause(&self, at_most: Duration) {
        let _ = tokio::time::timeout(at_most, self.stopped()).await;
    }

    /// Waits until others have committed so many times, and not beyond the end of the writing.
    pub async fn let_others_pass(&self, commits: u64, at_most: Duration) {
        let until = self.commits().saturating_add(commits);
        let mut acknowledged = self.acknowledged.subscribe();
        let passed = acknowledged.wait_for(|count| *count >= until);
        let _ = tokio::time::timeout(at_most, async {
            tokio::select! {
                _ = passed => {}
                () = self.stopped() => {}
            }
        })
        .await;
    }

    /// Nobody writes any more, and the log ends here.
    pub(crate) fn end_at(&self, position: u64) {
        let _ = self.end.set((position, tokio::time::Instant::now()));
    }

    /// Where the log ends, once that is known.
    pub(crate) fn end(&self) -> Option<u64> {
        self.end.get().map(|(position, _)| *position)
    }

    /// When that became known; now, as long as it is not.
    pub(crate) fn ended_at(&self) -> tokio::time::Instant {
        let end = self.end.get();
        end.map_or_else(tokio::time::Instant::now, |(_, at)| *at)
    }
}
