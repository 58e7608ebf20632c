//! A run from beginning to end: write and read under attack, settle, read the truth, compare.

use std::{sync::Arc, time::Duration};

use cqrs_core::EventStore;
use tokio::task::{JoinHandle, JoinSet};

use crate::{
    audit::audit,
    books::Ledger,
    error::CheckError,
    mischief::Mischief,
    names::EventNumber,
    plan::Plan,
    progress,
    reader::Reader,
    report::Report,
    scene::Scene,
    sightings::Sightings,
    stall,
    truth::Truth,
    verdict::Verdict,
    writer::{Deeds, Writer, Written},
};

/// Attacks the store as planned and compares what writers were told, what the store holds and what readers saw.
///
/// `stop` ends the writing early; a verdict is given in any case. A breach ends it, too. The store's log must be empty
/// at the beginning.
///
/// # Errors
/// When the run could not be carried out. That says nothing about the store's promises.
pub async fn check<S: EventStore, M: Mischief<S::Transaction>>(
    plan: Plan,
    store: S,
    mischief: M,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<Report, CheckError> {
    if u32::from(plan.writers) + u32::from(plan.sitters) > u32::from(EventNumber::WRITERS) {
        let message = format!("at most {} can write at once", EventNumber::WRITERS);
        return Err(CheckError::Options(message));
    }
    let run = Check {
        scene: Arc::new(Scene::new(plan)),
        store,
        mischief: Arc::new(mischief),
    };
    let time_up = run.spawn_stops(stop);
    let report = run.run().await;
    time_up.abort();
    // Whoever still watches may go, also after a failure.
    run.scene.end_at(0);
    report
}

struct Check<S, M> {
    scene: Arc<Scene>,
    store: S,
    mischief: Arc<M>,
}

impl<S: EventStore, M: Mischief<S::Transaction>> Check<S, M> {
    async fn run(&self) -> Result<Report, CheckError> {
        let readers = self.spawn_readers();
        let stall = tokio::spawn(stall::watch::<S::Transaction, M>(
            Arc::clone(&self.scene),
            Arc::clone(&self.mischief),
        ));
        let attack = self.spawn_attack();
        let telling = tokio::spawn(progress::tell::<S::Transaction, M>(
            Arc::clone(&self.scene),
            Arc::clone(&self.mischief),
        ));
        let written = self.spawn_writers().join_all().await;
        let wrote_for = self.scene.begun.elapsed();
        self.scene.stop();
        joined(attack).await;
        telling.abort();
        self.give_up_if_failed()?;

        self.mischief.settle().await?;
        let truth = self.truth().await?;
        self.scene.end_at(truth.last());
        let stall = joined(stall).await;
        let read = in_order(readers).await;
        self.give_up_if_failed()?;

        let (books, mut verdict, deeds) = brought_home(written);
        let (found, settled) = audit(self.scene.run, &books, &truth, read);
        verdict.absorb(found);
        Ok(Report {
            store: self.mischief.describe(),
            seed: self.scene.plan.seed,
            writers: self.scene.plan.writers,
            readers: self.scene.plan.readers,
            seconds: wrote_for.as_secs_f64(),
            commits: self.scene.commits(),
            events: truth.facts.len() as u64,
            streams: truth.streams() as u64,
            deeds,
            settled,
            damage: self.mischief.damage(),
            stall,
            verdict,
        })
    }

    async fn truth(&self) -> Result<Truth, CheckError> {
        match self.mischief.truth(&self.scene).await? {
            Some(truth) => Ok(truth),
            None => Ok(Truth::of_streams(&self.store, self.scene.run, self.scene.streams()).await?),
        }
    }

    fn spawn_readers(&self) -> JoinSet<Sightings> {
        let reader = |name| Reader::new(self.store.clone(), Arc::clone(&self.scene), name);
        (0..usize::from(self.scene.plan.readers))
            .map(|name| reader(name).follow())
            .collect()
    }

    fn spawn_writers(&self) -> JoinSet<(u16, Written)> {
        let Plan {
            writers, sitters, ..
        } = self.scene.plan;
        let mut tasks = JoinSet::new();
        for number in 0..writers + sitters {
            let (store, mischief) = (self.store.clone(), Arc::clone(&self.mischief));
            let writer = Writer::new(store, mischief, Arc::clone(&self.scene), number);
            tasks.spawn(async move {
                let written = if number < writers {
                    writer.write().await
                } else {
                    writer.sit().await
                };
                (number, written)
            });
        }
        tasks
    }

    fn spawn_attack(&self) -> JoinHandle<()> {
        let (scene, mischief) = (Arc::clone(&self.scene), Arc::clone(&self.mischief));
        tokio::spawn(async move {
            if let Err(error) = mischief.make(&scene).await {
                scene.fail(error);
            }
        })
    }

    fn spawn_stops(&self, stop: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        let scene = Arc::clone(&self.scene);
        tokio::spawn(async move {
            let at_most = scene.plan.at_most.unwrap_or(Duration::MAX);
            let _ = tokio::time::timeout(at_most, stop).await;
            scene.stop();
        })
    }

    fn give_up_if_failed(&self) -> Result<(), CheckError> {
        self.scene.failure().map_or(Ok(()), Err)
    }
}

fn brought_home(mut written: Vec<(u16, Written)>) -> (Vec<Ledger>, Verdict, Deeds) {
    written.sort_unstable_by_key(|(number, _)| *number);
    let (mut books, mut verdict, mut deeds) = (Vec::new(), Verdict::default(), Deeds::default());
    for (_, written) in written {
        books.push(written.ledger);
        verdict.absorb(written.verdict);
        deeds = deeds.plus(written.deeds);
    }
    (books, verdict, deeds)
}

async fn in_order(readers: JoinSet<Sightings>) -> Vec<Sightings> {
    let mut read = readers.join_all().await;
    read.sort_unstable_by_key(Sightings::name);
    read
}

/// The task's result. A panic in it goes on here.
async fn joined<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
