//! One run: writers and readers under faults, then the comparison of their records.

use std::{sync::Arc, time::Duration};

use cqrs_core::EventStore;
use tokio::task::{JoinHandle, JoinSet};

use crate::{
    audit::audit,
    error::CheckError,
    faults::FaultInjector,
    history::WriterHistory,
    ids::EventOrigin,
    observations::Observations,
    plan::Plan,
    progress_line::print_progress,
    reader::Reader,
    report::Report,
    run_state::RunState,
    stall,
    stored::StoredEvents,
    verdict::Verdict,
    writer::{Writer, WriterResult, WriterStats},
};

/// Attacks the store and compares the answers that writers got, the events in the store, and the events that readers saw.
///
/// The writers stop early when `stop` completes or a task finds a violation. A report follows in any case.
/// The log of the store must be empty at the beginning.
///
/// # Errors
/// When the check could not run. The error says nothing about the promises of the store.
pub async fn check<S: EventStore, F: FaultInjector<S::Transaction>>(
    plan: Plan,
    store: S,
    faults: F,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<Report, CheckError> {
    if u32::from(plan.writers) + u32::from(plan.slow_writers) > u32::from(EventOrigin::WRITERS) {
        let message = format!("a run has at most {} writers", EventOrigin::WRITERS);
        return Err(CheckError::Options(message));
    }
    let run = Check {
        state: Arc::new(RunState::new(plan)),
        store,
        faults: Arc::new(faults),
    };
    let stop = run.spawn_stop(stop);
    let report = run.run().await;
    stop.abort();
    // Tasks that still wait for the end of the log stop here, also after an error.
    run.state.end_at(0);
    report
}

struct Check<S, F> {
    state: Arc<RunState>,
    store: S,
    faults: Arc<F>,
}

impl<S: EventStore, F: FaultInjector<S::Transaction>> Check<S, F> {
    async fn run(&self) -> Result<Report, CheckError> {
        let readers = self.spawn_readers();
        let stall = tokio::spawn(stall::watch::<S::Transaction, F>(
            Arc::clone(&self.state),
            Arc::clone(&self.faults),
        ));
        let faults = self.spawn_faults();
        let progress = tokio::spawn(print_progress::<S::Transaction, F>(
            Arc::clone(&self.state),
            Arc::clone(&self.faults),
        ));
        let results = self.spawn_writers().join_all().await;
        let writing_time = self.state.started.elapsed();
        self.state.stop();
        join(faults).await;
        progress.abort();
        self.check_failure()?;

        self.faults.settle().await?;
        let stored = self.stored_events().await?;
        self.state.end_at(stored.last_position());
        let stall = join(stall).await;
        let observations = join_readers(readers).await;
        self.check_failure()?;

        let (histories, mut verdict, stats) = combine(results);
        let (found, unknown) = audit(self.state.run, &histories, &stored, observations);
        verdict.absorb(found);
        Ok(Report {
            store: self.faults.describe(),
            seed: self.state.plan.seed,
            writers: self.state.plan.writers,
            readers: self.state.plan.readers,
            seconds: writing_time.as_secs_f64(),
            commits: self.state.commits(),
            events: stored.events.len() as u64,
            streams: stored.streams() as u64,
            stats,
            unknown,
            faults: self.faults.counts(),
            stall,
            verdict,
        })
    }

    async fn stored_events(&self) -> Result<StoredEvents, CheckError> {
        if let Some(stored) = self.faults.stored_events(&self.state).await? {
            return Ok(stored);
        }
        let streams = self.state.streams();
        Ok(StoredEvents::of_streams(&self.store, self.state.run, streams).await?)
    }

    fn spawn_readers(&self) -> JoinSet<Observations> {
        let reader = |number| Reader::new(self.store.clone(), Arc::clone(&self.state), number);
        (0..usize::from(self.state.plan.readers))
            .map(|number| reader(number).follow())
            .collect()
    }

    fn spawn_writers(&self) -> JoinSet<(u16, WriterResult)> {
        let plan = &self.state.plan;
        let is_slow = |number| number >= plan.writers;
        let mut tasks = JoinSet::new();
        for number in 0..plan.writers + plan.slow_writers {
            let writer = Writer::new(
                self.store.clone(),
                Arc::clone(&self.faults),
                Arc::clone(&self.state),
                number,
            );
            if is_slow(number) {
                tasks.spawn(async move { (number, writer.write_slowly().await) });
            } else {
                tasks.spawn(async move { (number, writer.write().await) });
            }
        }
        tasks
    }

    fn spawn_faults(&self) -> JoinHandle<()> {
        let state = Arc::clone(&self.state);
        let faults = Arc::clone(&self.faults);
        tokio::spawn(async move {
            if let Err(error) = faults.inject(&state).await {
                state.fail(error);
            }
        })
    }

    fn spawn_stop(&self, stop: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        let state = Arc::clone(&self.state);
        tokio::spawn(async move {
            let time_limit = state.plan.time_limit.unwrap_or(Duration::MAX);
            let _ = tokio::time::timeout(time_limit, stop).await;
            state.stop();
        })
    }

    fn check_failure(&self) -> Result<(), CheckError> {
        self.state.take_failure().map_or(Ok(()), Err)
    }
}

/// The results of all writers, in the order of their numbers.
fn combine(mut results: Vec<(u16, WriterResult)>) -> (Vec<WriterHistory>, Verdict, WriterStats) {
    results.sort_unstable_by_key(|(number, _)| *number);
    let mut histories = Vec::new();
    let mut verdict = Verdict::default();
    let mut stats = WriterStats::default();
    for (_, result) in results {
        histories.push(result.history);
        verdict.absorb(result.verdict);
        stats = stats.plus(result.stats);
    }
    (histories, verdict, stats)
}

async fn join_readers(readers: JoinSet<Observations>) -> Vec<Observations> {
    let mut observations = readers.join_all().await;
    observations.sort_unstable_by_key(Observations::reader);
    observations
}

/// The result of the task. A panic in the task continues here.
async fn join<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
