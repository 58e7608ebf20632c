//! Runs the parts, and stops them in order within the deadline.

use std::{collections::HashMap, pin::pin, time::Duration};

use tokio::{
    sync::watch,
    task::{Id, JoinError, JoinSet},
    time::Instant,
};

use super::{
    OnFailure,
    outcome::{
        Cause, PartAborted, PartEnd, PartOutcome, PartPanicked, ServiceError, ServiceOutcome,
    },
    part::{Part, PartKind, PartName, Stop},
};
use crate::{model::chain, ports::BoxError, run_loop::panic_message};

/// The longest wait for aborted parts. A part that blocks its thread never ends.
const ABORT_WAIT: Duration = Duration::from_secs(1);

pub(super) struct Limits {
    pub(super) deadline: Duration,
    pub(super) on_failure: OnFailure,
}

pub(super) struct Supervisor {
    limits: Limits,
    parts: Vec<Supervised>,
    running: JoinSet<Result<(), BoxError>>,
    /// The part of each task.
    index_of: HashMap<Id, usize>,
    /// One for each kind of part, in the order in which they stop. `true`: stop.
    stops: Vec<watch::Sender<bool>>,
    /// Tells others whether it was asked to stop.
    asked: watch::Sender<bool>,
    stopping: Option<Stopping>,
    first_failure: Option<usize>,
}

struct Supervised {
    name: PartName,
    /// `None` while it runs.
    end: Option<PartEnd>,
}

/// The progress of the stop.
struct Stopping {
    since: Instant,
    /// The number of kinds of parts that were asked to stop.
    asked: usize,
}

impl Supervisor {
    pub(super) fn start(parts: Vec<Part>, limits: Limits, asked: watch::Sender<bool>) -> Self {
        let mut supervisor = Self {
            limits,
            parts: Vec::new(),
            running: JoinSet::new(),
            index_of: HashMap::new(),
            stops: PartKind::ALL.map(|_| watch::channel(false).0).into(),
            asked,
            stopping: None,
            first_failure: None,
        };
        for part in parts {
            supervisor.spawn(part);
        }
        supervisor
    }

    fn spawn(&mut self, part: Part) {
        let Part { name, run, .. } = part;
        tracing::info!(part = %name, "starting");
        let stop = Stop::new(self.stops[stage(&name)].subscribe());
        // In the task, so that a panic before the future exists is the part's too.
        let task = self.running.spawn(async move { run(stop).await });
        self.index_of.insert(task.id(), self.parts.len());
        self.parts.push(Supervised { name, end: None });
    }

    /// Runs until every part has ended or was aborted.
    pub(super) async fn run(
        mut self,
        stop: impl Future<Output = ()>,
        abort: impl Future<Output = ()>,
    ) -> Result<ServiceOutcome, ServiceError> {
        let mut stop = pin!(stop);
        let mut abort = pin!(abort);
        loop {
            let next_step = self.next_step();
            tokio::select! {
                () = &mut stop, if self.stopping.is_none() => self.stop("asked to stop"),
                () = &mut abort, if self.stopping.is_some() => {
                    self.abort().await;
                    break;
                }
                () = sleep_until(next_step), if next_step.is_some() => {
                    if self.all_asked() {
                        self.abort().await;
                        break;
                    }
                    self.ask_next();
                }
                ended = self.running.join_next_with_id() => match ended {
                    None => break,
                    Some(Ok((task, outcome))) => self.ended(task, Ok(outcome)),
                    Some(Err(error)) => self.ended(error.id(), Err(error)),
                },
            }
        }
        self.outcome()
    }

    fn stop(&mut self, reason: &'static str) {
        tracing::info!(reason, "stopping");
        self.asked.send_replace(true);
        self.stopping = Some(Stopping {
            since: Instant::now(),
            asked: 0,
        });
        self.ask_next();
    }

    /// Asks the next kind of parts to stop. If none of that kind is running, goes on to the kind after it.
    fn ask_next(&mut self) {
        while let Some(stopping) = &mut self.stopping
            && let Some(stop) = self.stops.get(stopping.asked)
        {
            stop.send_replace(true);
            let kind = PartKind::ALL[stopping.asked];
            stopping.asked += 1;
            if self.is_running(kind) {
                return;
            }
        }
    }

    fn is_running(&self, kind: PartKind) -> bool {
        let mut parts = self.parts.iter();
        parts.any(|part| part.name.kind == kind && part.end.is_none())
    }

    fn all_asked(&self) -> bool {
        let asked = self.stopping.as_ref().map(|stopping| stopping.asked);
        asked == Some(self.stops.len())
    }

    /// The latest time at which the next kind of parts is asked to stop or, after the last kind, all are aborted.
    fn next_step(&self) -> Option<Instant> {
        let stopping = self.stopping.as_ref()?;
        let asked = u32::try_from(stopping.asked).expect("there are three kinds");
        let kinds = u32::try_from(self.stops.len()).expect("there are three kinds");
        let wait = (self.limits.deadline / kinds).saturating_mul(asked);
        // `None` if the deadline is beyond the range of the clock.
        stopping.since.checked_add(wait)
    }

    fn ended(&mut self, task: Id, outcome: Result<Result<(), BoxError>, JoinError>) {
        let index = self.index_of[&task];
        let part = &self.parts[index].name;
        let asked = *self.stops[stage(part)].borrow();
        let end = match outcome {
            Ok(Ok(())) if asked => PartEnd::Stopped,
            Ok(Ok(())) => PartEnd::Completed,
            Ok(Err(error)) => PartEnd::Failed(error),
            Err(error) => PartEnd::Panicked(PartPanicked {
                part: part.clone(),
                message: panic_message(error),
            }),
        };
        self.note(index, end);
        if self.stopping.is_some() {
            self.ask_others_when_done();
        } else if self.first_failure.is_some() && self.limits.on_failure == OnFailure::StopAll {
            self.stop("a part failed");
        }
    }

    /// Asks the next kind of parts when all parts of the last kind asked have ended.
    fn ask_others_when_done(&mut self) {
        let last = self.stopping.as_ref().and_then(|stopping| {
            let asked = &PartKind::ALL[..stopping.asked];
            asked.last().copied()
        });
        if last.is_some_and(|last| !self.is_running(last)) {
            self.ask_next();
        }
    }

    fn note(&mut self, index: usize, end: PartEnd) {
        let part = &mut self.parts[index];
        match end.error() {
            Some(error) => {
                tracing::error!(part = %part.name, error = %chain(error), "ended");
                self.first_failure.get_or_insert(index);
            }
            None => tracing::info!(part = %part.name, %end, "ended"),
        }
        part.end = Some(end);
    }

    /// Aborts the parts that have not finished. Waits for their tasks, so that everything they own is dropped.
    async fn abort(&mut self) {
        let since = self.stopping.as_ref().map(|stopping| stopping.since);
        let waited = since.map_or(Duration::ZERO, |since| since.elapsed());
        self.running.abort_all();
        for index in 0..self.parts.len() {
            if self.parts[index].end.is_none() {
                let part = self.parts[index].name.clone();
                self.note(index, PartEnd::Aborted(PartAborted { part, waited }));
            }
        }
        let all = async { while self.running.join_next().await.is_some() {} };
        if tokio::time::timeout(ABORT_WAIT, all).await.is_err() {
            tracing::error!("an aborted part blocks its thread");
            self.running.detach_all();
        }
    }

    fn outcome(self) -> Result<ServiceOutcome, ServiceError> {
        let parts = self.parts.into_iter().map(|Supervised { name, end }| {
            let end = end.expect("the loop ends when every part has ended");
            PartOutcome::new(name, end)
        });
        let outcome = ServiceOutcome::new(parts.collect());
        match self.first_failure {
            None => Ok(outcome),
            Some(first) => Err(ServiceError::new(outcome, Cause::Part(first))),
        }
    }
}

/// The place of a part's kind in the order of stopping.
fn stage(part: &PartName) -> usize {
    let mut kinds = PartKind::ALL.iter();
    let stage = kinds.position(|kind| *kind == part.kind);
    stage.expect("every kind is in the list")
}

async fn sleep_until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
