//! The writer: one task with one connection of its own, which sends what waits together.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use cqrs_core::{Appended, StoreError, WriteError};
use sqlx::{Error, PgConnection};
use tokio::sync::mpsc;

use super::{
    alone::{append_alone, ask, ask_many},
    batch,
    queue::Job,
    verdict::Verdict,
    writing::Writing,
};
use crate::{
    connection::within,
    error::{self, Shared},
    line::Idle,
    together::CAPACITY,
};

/// Which part of what the last batch took the writer waits for others at most, if several came together then: those just
/// answered come back soon, and where a commit is slow it costs as much for all of them as for the first. Where it is fast,
/// waiting for all would only leave the server idle.
const COURTESY: u32 = 8;

/// Writes until nobody can send any more.
pub(super) async fn run(writing: Arc<Writing>, jobs: mpsc::Receiver<Job>) {
    let mut writer = Writer {
        writing,
        jobs,
        waiting: VecDeque::new(),
        together: 0,
        took: Duration::ZERO,
        connection: None,
    };
    while let Some(batch) = writer.next().await {
        writer.together = batch.len();
        let begun = Instant::now();
        writer.write(batch).await;
        writer.took = begun.elapsed();
    }
}

struct Writer {
    writing: Arc<Writing>,
    jobs: mpsc::Receiver<Job>,
    /// What was received and could not go with the batch before.
    waiting: VecDeque<Job>,
    /// How many went together last time.
    together: usize,
    /// How long that took.
    took: Duration,
    connection: Option<Idle>,
}

impl Writer {
    /// The next batch; none when nobody can send any more.
    async fn next(&mut self) -> Option<Vec<Job>> {
        if self.waiting.is_empty() {
            self.waiting.push_back(self.jobs.recv().await?);
        }
        self.receive();
        if self.together > 1 {
            let begun = Instant::now();
            while self.waiting.len() < self.together && begun.elapsed() < self.took / COURTESY {
                tokio::task::yield_now().await;
                self.receive();
            }
        }
        Some(batch::take(&mut self.waiting))
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
        let connected = self.writing.line.keep(&mut self.connection).await;
        let mut connection = match connected {
            Ok(connection) => connection,
            Err(error) => return refuse(batch, &error),
        };
        let asked = ask_all(&self.writing, &mut connection, &batch);
        match within(self.writing.append_limit(), asked).await {
            Ok(verdicts) => {
                self.connection = Some(Idle::new(connection));
                self.tell(batch, verdicts);
            }
            // Whether a lost connection is dropped or one in an unknown state: the server ends what it was doing by itself.
            Err(error) if error::is_refusal(&error) => self.separate(batch),
            Err(error) => unknown(batch, error),
        }
    }

    /// Gives each its verdict. What is busy, and what is a repeat, goes on alone.
    fn tell(&mut self, batch: Vec<Job>, verdicts: Vec<Verdict>) {
        let mut all = Vec::<Appended>::new();
        for (job, verdict) in batch.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Appended(appended) => {
                    all.extend(appended.iter().cloned());
                    answer(job, Ok(appended));
                }
                Verdict::Refused(refused) => answer(job, Err(refused)),
                Verdict::Repeat | Verdict::Busy => self.alone(job),
            }
        }
        if !all.is_empty() {
            self.writing.appended.notify_waiters();
        }
        batch::answer_conflicts(&mut self.waiting, &all);
    }

    /// The server refused all because of one: each is asked alone which it was.
    fn separate(&self, batch: Vec<Job>) {
        batch.into_iter().for_each(|job| self.alone(job));
    }

    fn alone(&self, job: Job) {
        let writing = Arc::clone(&self.writing);
        tokio::spawn(async move {
            if !job.answer.is_closed() {
                let outcome = append_alone(&writing, &job.appends).await;
                answer(job, outcome);
            }
        });
    }
}

async fn ask_all(
    writing: &Writing,
    connection: &mut PgConnection,
    batch: &[Job],
) -> Result<Vec<Verdict>, Error> {
    if let [job] = batch {
        return Ok(vec![ask(writing, connection, &job.appends, false).await?]);
    }
    let appends: Vec<_> = batch.iter().map(|job| &job.appends).collect();
    ask_many(writing, connection, &appends, false).await
}

fn answer(job: Job, outcome: Result<Vec<Appended>, WriteError>) {
    // Whoever asked may have gone: what was done is done.
    drop(job.answer.send(outcome));
}

fn refuse(batch: Vec<Job>, error: &StoreError) {
    for job in batch {
        answer(job, Err(error::again(error).into()));
    }
}

fn unknown(batch: Vec<Job>, error: Error) {
    let shared = Shared::new(error);
    for job in batch {
        answer(job, Err(shared.commit().into()));
    }
}
