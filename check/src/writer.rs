//! A writer: appends in every way that the port has, and records the results.

mod answers;
mod generator;
mod keyed;
mod operation;
mod prepared;
mod repeat;
mod stats;
mod unit_of_work;

use std::{sync::Arc, time::Duration};

use cqrs_core::{
    EventStore, Metadata, Position, StoreError, StoreErrorKind,
    model::NewEvent,
    ports::{Append, Appended, Appends, CommitError},
};

pub use self::stats::WriterStats;
use self::{
    generator::Generator,
    operation::{Operation, OwnStream, StreamRequest, Wait},
    repeat::KeyedAppend,
};
use crate::{
    faults::FaultInjector, history::WriterHistory, ids::EventOrigin, observations::payload,
    run_state::RunState, verdict::Verdict,
};

/// The result of a writer.
#[derive(Debug, Default)]
pub(crate) struct WriterResult {
    pub(crate) history: WriterHistory,
    /// The violations that the writer noticed by itself.
    pub(crate) verdict: Verdict,
    pub(crate) stats: WriterStats,
}

/// The longest time for a call of the store. A longer append or commit has an unknown outcome.
const CALL_LIMIT: Duration = Duration::from_secs(90);

/// A writer leaves its own stream for a new one after this many events.
const MAX_OWN_EVENTS: u64 = 30;

pub(crate) struct Writer<S, F> {
    store: S,
    faults: Arc<F>,
    state: Arc<RunState>,
    number: u16,
    generator: Generator,
    own: OwnStream,
    /// Earlier appends under a key, which may be sent again.
    keyed: Vec<KeyedAppend>,
    result: WriterResult,
    failures: u32,
}

/// Why an append was not acknowledged.
enum Failure {
    /// Nobody may see it.
    Rejected(CommitError),
    /// The outcome is unknown. No error if the caller gave up.
    Unknown(Option<CommitError>),
}

impl<S: EventStore, F: FaultInjector<S::Transaction>> Writer<S, F> {
    pub(crate) fn new(store: S, faults: Arc<F>, state: Arc<RunState>, number: u16) -> Self {
        Self {
            store,
            faults,
            number,
            generator: Generator::new(state.plan.seed.wrapping_add(u64::from(number))),
            own: OwnStream::empty(state.new_stream()),
            state,
            keyed: Vec::new(),
            result: WriterResult::default(),
            failures: 0,
        }
    }

    /// Writes until the writers must stop.
    pub(crate) async fn write(mut self) -> WriterResult {
        while !self.state.is_stopping() {
            match self.generator.operation(&self.state, self.own) {
                Operation::Append(requests) => self.append(&requests).await,
                Operation::AppendTwice(requests) => self.append_twice(requests).await,
                Operation::Repeat => self.repeat().await,
                Operation::Unit(plan) => self.run_unit(plan).await,
            }
            // A store that never waits would not let the other tasks run.
            tokio::task::yield_now().await;
        }
        self.result
    }

    /// Runs slow units of work until the writers must stop.
    pub(crate) async fn write_slowly(mut self) -> WriterResult {
        loop {
            self.state.sleep(self.generator.pause()).await;
            if self.state.is_stopping() {
                return self.result;
            }
            let plan = self.generator.slow_unit(self.own);
            self.run_unit(plan).await;
        }
    }

    async fn append(&mut self, requests: &[StreamRequest]) {
        let number = self.begin(requests);
        let appends = self.appends(number, requests);
        let limit = self.generator.abandoned_after().unwrap_or(CALL_LIMIT);
        match within(limit, into_commit_error(self.store.append_all(appends))).await {
            Some(Ok(answer)) => {
                self.result.stats.appends += 1;
                self.acknowledged(number, requests, &answer);
            }
            Some(Err(error)) if is_unknown(&error) => {
                self.failed(number, Failure::Unknown(Some(error))).await;
            }
            Some(Err(error)) => {
                self.add_verdict(answers::check_rejection(requests, &error));
                self.failed(number, Failure::Rejected(error)).await;
            }
            None => self.failed(number, Failure::Unknown(None)).await,
        }
    }

    /// Records an append before it is sent.
    fn begin(&mut self, requests: &[StreamRequest]) -> u32 {
        let parts = requests.iter().map(StreamRequest::part);
        self.result.history.begin(parts)
    }

    /// The appends to send. The ids of their events hold the number of the append.
    fn appends(&self, number: u32, requests: &[StreamRequest]) -> Appends {
        let mut index = 0;
        let mut event = || {
            let origin = self.origin(number, index);
            index += 1;
            NewEvent::from_parts(
                origin.id(self.state.run),
                "Checked",
                payload(origin),
                Metadata::default(),
            )
        };
        let mut append = |request: &StreamRequest| {
            Append::new(
                request.stream.id(),
                request.expected,
                (0..request.events).map(|_| event()).collect(),
            )
        };
        Appends::from(requests.iter().map(&mut append).collect::<Vec<_>>())
    }

    const fn origin(&self, append: u32, index: u8) -> EventOrigin {
        EventOrigin {
            writer: self.number,
            append,
            index,
        }
    }

    fn acknowledged(&mut self, number: u32, requests: &[StreamRequest], answer: &[Appended]) {
        self.result.history.acknowledge(number, answer);
        self.appended(requests, answer);
        let mut events = 0;
        for (request, appended) in requests.iter().zip(answer) {
            events += request.events;
            if request.own.is_some() && request.events > 0 {
                self.own.version = appended.version.get();
                self.own.last_event = Some(self.origin(number, events - 1).id(self.state.run));
            }
        }
        if self.own.version >= MAX_OWN_EVENTS {
            self.use_new_stream();
        }
    }

    /// Checks and records the answer to an append that happened.
    fn appended(&mut self, requests: &[StreamRequest], answer: &[Appended]) {
        self.failures = 0;
        self.add_verdict(answers::check_append(requests, answer));
        for (request, appended) in requests.iter().zip(answer) {
            self.state.reached(request.stream, appended.version.get());
        }
        let position = answer.iter().filter_map(|appended| appended.position).max();
        self.state.acknowledge(position.map(Position::get));
    }

    async fn failed(&mut self, number: u32, failure: Failure) {
        let error = match failure {
            Failure::Rejected(error) => {
                self.result.history.reject(number);
                Some(error)
            }
            Failure::Unknown(error) => {
                self.result.stats.unknown += 1;
                self.use_new_stream();
                error
            }
        };
        match error {
            Some(CommitError::Conflict(_)) => self.result.stats.conflicts += 1,
            Some(CommitError::Store(error)) => self.store_failed(error).await,
            _ => {}
        }
    }

    async fn store_failed(&mut self, error: StoreError) {
        match error.kind() {
            StoreErrorKind::Unavailable => self.result.stats.unavailable += 1,
            StoreErrorKind::OutcomeUnknown => {}
            _ => return self.state.fail(error.into()),
        }
        self.back_off().await;
    }

    async fn back_off(&mut self) {
        self.failures += 1;
        let wait = self.generator.back_off(self.failures);
        tokio::time::sleep(wait).await;
    }

    async fn wait(&self, wait: Wait) {
        self.state
            .wait_for_commits(wait.commits, wait.time_limit)
            .await;
    }

    fn use_new_stream(&mut self) {
        self.own = OwnStream::empty(self.state.new_stream());
    }

    /// Records the violations. One violation stops the run.
    fn add_verdict(&mut self, verdict: Verdict) {
        if !verdict.is_clean() {
            self.state.stop();
        }
        self.result.verdict.absorb(verdict);
    }
}

fn is_unknown(error: &CommitError) -> bool {
    matches!(error, CommitError::Store(error) if error.kind() == StoreErrorKind::OutcomeUnknown)
}

/// The output of the future; `None` if it was dropped at the time limit.
async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, future).await.ok()
}

/// Gives a call the error type of a commit, because all are checked alike.
async fn into_commit_error<T, E: Into<CommitError>>(
    append: impl Future<Output = Result<T, E>>,
) -> Result<T, CommitError> {
    append.await.map_err(Into::into)
}
