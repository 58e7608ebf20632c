//! The writer: one task with one connection of its own, which sends what waits together.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use cqrs_core::{AppendError as WriteError, Appended, Appends, StoreError};
use sqlx::Error;
use tokio::sync::mpsc;

use super::{
    alone::{append_in_own_time, ask_all},
    batch,
    job::Job,
    seen,
    verdict::Verdict,
    writing::Writing,
};
use crate::{
    connection::within,
    error::{self, Shared},
    log_identity::LogIdentity,
    together::{CAPACITY, Crowd},
};

/// Which part of what the last batch took the writer waits for others at most, if several came together then: those just
/// answered come back soon, and where a commit is slow it costs as much for all of them as for the first. Where it is fast,
/// waiting for all would only leave the server idle.
const COURTESY: u32 = 8;

/// Which part of that time it waits for one more: those who read before they append come with a later batch.
const QUIET: u32 = 4;

/// However long the last batch took: it may have waited for a server that did not answer.
const LONGEST_COURTESY: Duration = Duration::from_millis(2);

/// Writes until nobody can send any more.
pub(super) async fn run(writing: Arc<Writing>, crowd: Arc<Crowd>, jobs: mpsc::Receiver<Job>) {
    let mut writer = Writer {
        writing,
        crowd,
        jobs,
        waiting: VecDeque::new(),
        took: Duration::ZERO,
    };
    while let Some(batch) = writer.next().await {
        writer.crowd.serve(batch.len());
        let begun = Instant::now();
        writer.write(batch).await;
        writer.took = begun.elapsed();
    }
}

struct Writer {
    writing: Arc<Writing>,
    crowd: Arc<Crowd>,
    jobs: mpsc::Receiver<Job>,
    /// What was received and could not go with the batch before.
    waiting: VecDeque<Job>,
    /// How long the last batch took.
    took: Duration,
}

impl Writer {
    /// The next batch; none when nobody can send any more.
    async fn next(&mut self) -> Option<Vec<Job>> {
        if self.waiting.is_empty() {
            self.waiting.push_back(self.jobs.recv().await?);
        }
        self.receive();
        let together = self.crowd.together();
        if together > 1 {
            self.wait_for(together).await;
        }
        Some(batch::take(&mut self.waiting))
    }

    /// Waits until so many are there, nobody has come for a while, or it has taken long enough.
    async fn wait_for(&mut self, together: usize) {
        let courtesy = courtesy(self.took);
        let (begun, mut last_came) = (Instant::now(), Instant::now());
        while self.waiting.len() < together
            && begun.elapsed() < courtesy
            && last_came.elapsed() < courtesy / QUIET
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

    async fn write(&mut self, batch: Vec<Job>) {
        if batch.is_empty() {
            return;
        }
        let writing = Arc::clone(&self.writing);
        let mut connection = match writing.lines.of_writer.free().await {
            Ok(connection) => connection,
            Err(error) => return self.refuse(batch, &error),
        };
        let appends: Vec<_> = batch.iter().map(|job| &job.appends).collect();
        let log = connection.log().clone();
        let asked = ask_all(&writing, &mut connection, &log, &appends);
        let verdicts = within(writing.append_limit(), asked).await;
        match connection.note(verdicts) {
            Ok(verdicts) => {
                remember(&writing, &log, &appends, &verdicts);
                self.tell(batch, verdicts);
            }
            Err(error) if error::is_refusal(&error) => self.separate(batch),
            Err(error) => unknown(batch, error),
        }
    }

    /// There is no connection to be had: whoever waits is told so, since the next in line would only wait for the same.
    fn refuse(&mut self, batch: Vec<Job>, error: &StoreError) {
        for job in batch.into_iter().chain(self.waiting.drain(..)) {
            answer(job, Err(error::again(error).into()));
        }
    }

    /// Gives each its verdict. What is busy, and what is a repeat, goes on alone.
    fn tell(&mut self, batch: Vec<Job>, verdicts: Vec<Verdict>) {
        let (mut some, mut past) = (false, Vec::<Appended>::new());
        for (job, verdict) in batch.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Appended(appended) => {
                    some = true;
                    // Only who waits behind them needs to know.
                    if !self.waiting.is_empty() {
                        past.extend(appended.iter().cloned());
                    }
                    answer(job, Ok(appended));
                }
                Verdict::Refused(refused) => answer(job, Err(refused)),
                Verdict::Repeat => append_in_own_time(&self.writing, job, None),
                Verdict::Busy(held) => append_in_own_time(&self.writing, job, Some(held)),
            }
        }
        if some {
            self.writing.appended.notify_waiters();
        }
        batch::answer_conflicts(&mut self.waiting, &past);
    }

    /// The server refused all because of one: each is asked alone which it was.
    fn separate(&self, batch: Vec<Job>) {
        for job in batch {
            append_in_own_time(&self.writing, job, None);
        }
    }
}

fn remember(writing: &Writing, log: &LogIdentity, appends: &[&Appends], verdicts: &[Verdict]) {
    let last_events = appends.iter().zip(verdicts).flat_map(|(appends, verdict)| {
        let appended: &[Appended] = match verdict {
            Verdict::Appended(appended) => appended,
            _ => &[],
        };
        seen::last_events(appends, appended)
    });
    writing.seen.remember(log, last_events);
}

fn courtesy(took: Duration) -> Duration {
    (took / COURTESY).min(LONGEST_COURTESY)
}

fn answer(job: Job, outcome: Result<Vec<Appended>, WriteError>) {
    // Whoever asked may have gone: what was done is done.
    drop(job.answer.send(outcome));
}

fn unknown(batch: Vec<Job>, error: Error) {
    let shared = Shared::new(error);
    for job in batch {
        answer(job, Err(shared.commit().into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_was_never_answered_keeps_nobody_waiting_afterwards() {
        assert_eq!(courtesy(Duration::from_millis(8)), Duration::from_millis(1));
        assert_eq!(courtesy(Duration::from_secs(60)), LONGEST_COURTESY);
    }
}
