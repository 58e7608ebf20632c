//! The writer: one task with one connection, which sends the waiting appends in batches.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use cqrs_core::{
    StoreError,
    ports::{AppendError, Appended},
};
use sqlx::Error;
use tokio::sync::mpsc;

use super::{
    batch, call, job::AppendJob, single::Single, stream_heads::StreamHeads, verdict::Verdict,
};
use crate::{
    batching::{in_flight::InFlight, lazy_task::CAPACITY},
    error,
    time_limit::within,
};

/// If the last batch held several appends, the writer waits for as many again, but at most this fraction of that batch's
/// duration: its callers come back soon, and a commit costs as much for all as for one. Where a commit is fast, waiting for all
/// would only leave the server idle.
const GATHER_FRACTION: u32 = 8;

/// It stops waiting when none came for this fraction of that time. Callers that read first arrive too late to wait for.
const QUIET_FRACTION: u32 = 4;

/// It waits no longer than this, even if the last batch took long: perhaps the server did not answer.
const LONGEST_GATHERING: Duration = Duration::from_millis(2);

/// Writes until every sender is gone.
pub(super) async fn run(
    single: Arc<Single>,
    in_flight: Arc<InFlight>,
    jobs: mpsc::Receiver<AppendJob>,
) {
    let mut writer = Writer {
        single,
        in_flight,
        jobs,
        waiting: VecDeque::new(),
        heads: StreamHeads::default(),
        took: Duration::ZERO,
    };
    while let Some(batch) = writer.next().await {
        writer.in_flight.note_batch(batch.len());
        let begun = Instant::now();
        writer.write(batch).await;
        writer.took = begun.elapsed();
    }
}

struct Writer {
    single: Arc<Single>,
    in_flight: Arc<InFlight>,
    jobs: mpsc::Receiver<AppendJob>,
    /// Jobs that were received and could not go with the last batch.
    waiting: VecDeque<AppendJob>,
    heads: StreamHeads,
    /// How long the last batch took.
    took: Duration,
}

impl Writer {
    /// The next batch; `None` when every sender is gone.
    async fn next(&mut self) -> Option<Vec<AppendJob>> {
        if self.waiting.is_empty() {
            self.waiting.push_back(self.jobs.recv().await?);
        }
        self.receive();
        let expected = self.in_flight.last_batch();
        if expected > 1 {
            self.gather(expected).await;
        }
        Some(batch::take(&mut self.waiting))
    }

    /// Waits until this many are there, none came for a while, or it has taken long enough.
    async fn gather(&mut self, expected: usize) {
        let longest = gathering(self.took);
        let begun = Instant::now();
        let mut last_came = begun;
        while self.waiting.len() < expected
            && begun.elapsed() < longest
            && last_came.elapsed() < longest / QUIET_FRACTION
        {
            tokio::task::yield_now().await;
            let before = self.waiting.len();
            self.receive();
            if self.waiting.len() > before {
                last_came = Instant::now();
            }
        }
    }

    fn receive(&mut self) {
        while self.waiting.len() < CAPACITY
            && let Ok(job) = self.jobs.try_recv()
        {
            self.waiting.push_back(job);
        }
    }

    async fn write(&mut self, batch: Vec<AppendJob>) {
        if batch.is_empty() {
            return;
        }
        let single = Arc::clone(&self.single);
        let backend = &*single.backend;
        let mut connection = match backend.pools.writer.get().await {
            Ok(connection) => connection,
            Err(error) => return self.fail(batch, &error),
        };
        let appends: Vec<_> = batch.iter().map(|job| &job.appends).collect();
        let sent = call::send_batch(backend, &mut connection, &appends, &mut self.heads);
        let verdicts = within(backend.append_limit(), sent).await;
        match connection.note(verdicts) {
            Ok(verdicts) => {
                self.heads.learn(&appends, &verdicts);
                self.answer(batch, verdicts);
            }
            Err(error) if error::is_rejection(&error) => self.separate(batch),
            Err(error) => unknown(batch, error),
        }
    }

    /// There is no connection. All waiting appends fail, because the next batch would wait for the same connection.
    fn fail(&mut self, batch: Vec<AppendJob>, error: &StoreError) {
        for job in batch.into_iter().chain(self.waiting.drain(..)) {
            answer(job, Err(error.clone().into()));
        }
    }

    /// Gives each its verdict. An append that found a guard held, or that is a repeat, continues alone.
    fn answer(&mut self, batch: Vec<AppendJob>, verdicts: Vec<Verdict>) {
        let mut has_appended = false;
        let mut moved = Vec::<Appended>::new();
        for (job, verdict) in batch.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Appended(appended) => {
                    has_appended = true;
                    // Only waiting appends need to know.
                    if !self.waiting.is_empty() {
                        moved.extend(appended.iter().cloned());
                    }
                    answer(job, Ok(appended));
                }
                Verdict::Rejected(rejected) => answer(job, Err(rejected)),
                Verdict::Repeat => self.single.spawn(job, None),
                Verdict::Busy(held) => self.single.spawn(job, Some(held)),
            }
        }
        if has_appended {
            self.single.backend.appended.notify_waiters();
        }
        batch::answer_conflicts(&mut self.waiting, &moved);
    }

    /// The server rejected all because of one: sends each alone to find out which.
    fn separate(&self, batch: Vec<AppendJob>) {
        for job in batch {
            self.single.spawn(job, None);
        }
    }
}

fn gathering(took: Duration) -> Duration {
    (took / GATHER_FRACTION).min(LONGEST_GATHERING)
}

fn answer(job: AppendJob, outcome: Result<Vec<Appended>, AppendError>) {
    // The caller may be gone.
    drop(job.answer.send(outcome));
}

fn unknown(batch: Vec<AppendJob>, error: Error) {
    let error = error::commit(error);
    for job in batch {
        answer(job, Err(error.clone().into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_was_never_answered_delays_nobody_afterwards() {
        let eighth = gathering(Duration::from_millis(8));
        assert_eq!(eighth, Duration::from_millis(1));
        assert_eq!(gathering(Duration::from_secs(60)), LONGEST_GATHERING);
    }
}
