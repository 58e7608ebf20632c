//! A world: a log, processes that run a role or relay it, and what happens to them.

use std::time::Duration;

use cqrs_core::{
    EventStore, ExpectedVersion, MemoryEventStore, Relay, RetryPolicy, Runner, chain,
    model::LeaseTimes,
    ports::{Append, BoxError, Control, ParkedKey, Parking, PartitionStatus, Partitions},
};
use tokio::task::JoinHandle;

use crate::{
    broker::{Broker, GatedBroker},
    bug::{Bug, Memory},
    desk::{Desk, ProcessId, Verdict},
    fold::Seen,
    gated::Gated,
    journal::{Journal, Spoiled, Tick},
    planted::{begin_again, redrive_outside},
    schedule::{Setup, Step},
};

/// The lease is short, so that schedules reach its end.
const TIMES: LeaseTimes = LeaseTimes::new(Duration::from_millis(400), Duration::from_millis(100));

/// In how many rounds everything is handled once nobody does harm.
const ROUNDS: usize = 500;

/// How many calls follow each other at most, without a wait.
const SPINS: usize = 500;

/// Over how many tasks a wake-up goes at most before it comes to the gate or to a wait.
const HOPS: usize = 12;

type Ended = Result<(), BoxError>;

struct Process {
    id: ProcessId,
    running: JoinHandle<Ended>,
}

/// The log, the processes, and the desk that decides about their calls.
pub(crate) struct World {
    store: MemoryEventStore,
    broker: Broker,
    setup: Setup,
    desk: Desk,
    processes: Vec<Process>,
    spoiled: Spoiled,
    bug: Option<Bug>,
    memory: Memory,
    /// How many discards were recorded before the last reset: they do not count any more.
    reset_after: usize,
}

impl World {
    pub(crate) async fn new(setup: Setup, bug: Option<Bug>) -> Self {
        let mut world = Self {
            store: MemoryEventStore::default().leases(TIMES),
            broker: Broker::default(),
            setup,
            desk: Desk::default(),
            processes: Vec::new(),
            spoiled: Spoiled::default(),
            bug,
            memory: Memory::default(),
            reset_after: 0,
        };
        for place in 0..usize::from(setup.runners + setup.relays) {
            let process = world.start(ProcessId { place, before: 0 });
            world.processes.push(process);
        }
        world.settle().await;
        world
    }

    pub(crate) fn trace(&self) -> Vec<String> {
        self.desk.trace()
    }

    fn start(&self, id: ProcessId) -> Process {
        let gate = self.desk.gate(id);
        let store = Gated::new(&self.store, gate.clone(), self.bug, &self.memory);
        let is_runner = id.place < usize::from(self.setup.runners);
        let running = if is_runner {
            let journal = Journal::new(self.spoiled.clone(), self.bug);
            tokio::spawn(run(store, journal, self.setup.partitions))
        } else {
            let broker = GatedBroker {
                broker: self.broker.clone(),
                gate,
                bug: self.bug,
            };
            let relay = Relay::new(&store, "relay", broker);
            let relay = relay.shards(self.setup.shards).batch_size(3);
            tokio::spawn(async move { Ok(relay.run(std::future::pending()).await?) })
        };
        Process { id, running }
    }

    /// Lets every task run until it waits for the gate or for the clock.
    async fn settle(&self) {
        let (mut arrived, mut idle) = (self.desk.arrived(), 0);
        while idle < HOPS {
            tokio::task::yield_now().await;
            let now = self.desk.arrived();
            idle = if now == arrived { idle + 1 } else { 0 };
            arrived = now;
        }
    }

    /// Takes a step, and checks what must always hold.
    pub(crate) async fn step(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Go(pick) => self.desk.decide(pick, Verdict::Go),
            Step::Fail(pick) => self.desk.decide(pick, Verdict::Fail),
            Step::Lose(pick) => self.desk.decide(pick, Verdict::LoseAnswer),
            Step::Repeat(pick) => self.desk.decide(pick, Verdict::Repeat),
            Step::Run(rounds) => self.run(rounds).await,
            Step::Only(pick) => {
                for _ in 0..4 {
                    self.desk.let_only(self.place(pick));
                    self.settle().await;
                }
            }
            Step::Drop(pick) => self.end(pick, false).await,
            Step::Kill(pick) => self.end(pick, true).await,
            Step::Stop(pick) => self.desk.stop(self.place(pick)),
            Step::Wake(pick) => self.desk.wake(self.place(pick)),
            Step::Time(pick) => tokio::time::advance(Duration::from_millis(4) * pick.into()).await,
            Step::Append(_)
            | Step::Repartition(_)
            | Step::Spoil(_)
            | Step::Mend(_)
            | Step::Redrive(_)
            | Step::Discard(_)
            | Step::Pause
            | Step::Resume
            | Step::Reset => self.change(step).await.map_err(|error| error.to_string())?,
        }
        self.settle().await;
        self.check().await
    }

    fn stream(&self, pick: u8) -> String {
        format!("s{}", pick % self.setup.streams)
    }

    fn place(&self, pick: u8) -> usize {
        usize::from(pick) % self.processes.len()
    }

    async fn run(&self, rounds: u8) {
        for _ in 0..=rounds {
            self.desk.let_all_go();
            self.settle().await;
        }
    }

    /// Ends a process, and starts another one in its place. One that is killed does not even leave.
    async fn end(&mut self, pick: u8, killed: bool) {
        let place = self.place(pick);
        let ProcessId { before, .. } = self.processes[place].id;
        if killed {
            self.desk.kill(self.processes[place].id);
        }
        self.processes[place].running.abort();
        self.settle().await;
        let how = if killed {
            "is killed"
        } else {
            "drops everything"
        };
        self.desk.note(format!("{place}.{before} {how}"));
        self.desk.wake(place);
        let before = before + 1;
        self.processes[place] = self.start(ProcessId { place, before });
    }

    /// A change by somebody else. What the store refuses changes nothing.
    async fn change(&mut self, step: Step) -> Result<(), BoxError> {
        let (store, name, reason) = (self.store.clone(), Journal::NAME, "the schedule");
        self.desk.note(format!("{step:?}"));
        match step {
            Step::Append(pick) => self.append(pick).await?,
            Step::Repartition(pick) => {
                let number = [1, 2, 3, 4][usize::from(pick) % 4];
                let made = store.repartition(name, number, reason).await;
                if made.is_ok() && self.bug == Some(Bug::EpochsBeginAgain) {
                    begin_again(&self.memory, &store).await?;
                }
            }
            Step::Spoil(pick) => self.spoiled.spoil(self.stream(pick)),
            Step::Mend(pick) => self.spoiled.mend(&self.stream(pick)),
            Step::Redrive(pick) => {
                let Some(parked) = self.parked(pick).await? else {
                    return Ok(());
                };
                if self.bug == Some(Bug::RedrivesOutside) {
                    drop(redrive_outside(&store, &parked).await);
                } else {
                    store.redrive(&parked, reason).await?;
                }
            }
            Step::Discard(pick) => {
                if let Some(parked) = self.parked(pick).await? {
                    store.discard(&parked, reason).await?;
                }
            }
            Step::Pause => drop(store.pause(name, reason).await),
            Step::Resume => drop(store.resume(name, reason).await),
            _ => {
                let discarded = cqrs_core::ports::Discards::discarded(&store, name).await?;
                store.reset_view(name, reason).await?;
                self.reset_after = discarded.len();
            }
        }
        Ok(())
    }

    /// Up to three events, each to another stream.
    async fn append(&self, pick: u8) -> Result<(), BoxError> {
        for event in 0..=(pick % 3) {
            let stream = self.stream(pick / 3 + event);
            let append = Append::of(stream, ExpectedVersion::Any, &[Tick::Ticked])?;
            self.store.append(append).await?;
        }
        Ok(())
    }

    async fn parked(&self, pick: u8) -> Result<Option<ParkedKey>, BoxError> {
        let parked = self.store.parked(Journal::NAME).await?;
        let count = parked.len().max(1);
        Ok(parked.into_iter().nth(usize::from(pick) % count))
    }

    fn seen(&self) -> Seen<'_> {
        Seen {
            store: &self.store,
            broker: &self.broker,
            setup: self.setup,
            reset_after: self.reset_after,
        }
    }

    async fn check(&mut self) -> Result<(), String> {
        for process in &mut self.processes {
            if process.running.is_finished() {
                let ended = (&mut process.running).await;
                let ProcessId { place, before } = process.id;
                return Err(match ended {
                    Ok(Ok(())) => format!("{place}.{before} has ended"),
                    Ok(Err(error)) => format!("{place}.{before} has failed: {}", chain(&*error)),
                    Err(error) => format!("{place}.{before} has ended: {error}"),
                });
            }
        }
        self.seen().check().await
    }

    /// Nobody does harm any more: everything is handled and published, in a bounded number of rounds. Stopped processes stay stopped, if
    /// another one is awake; then they wake.
    pub(crate) async fn quiet(&mut self) -> Result<(), String> {
        self.desk.note("nobody does harm any more");
        self.spoiled.mend_all();
        drop(self.store.resume(Journal::NAME, "nobody does harm").await);
        if self.desk.stopped() == self.processes.len() {
            self.wake_all();
        }
        self.finish().await?;
        self.wake_all();
        for _ in 0..20 {
            self.round().await?;
        }
        self.finish().await
    }

    fn wake_all(&self) {
        for place in 0..self.processes.len() {
            self.desk.wake(place);
        }
    }

    async fn finish(&mut self) -> Result<(), String> {
        for _ in 0..ROUNDS {
            if self.is_done().await.map_err(|error| error.to_string())? {
                return Ok(());
            }
            self.round().await?;
        }
        Err(format!("not everything is handled after {ROUNDS} rounds"))
    }

    /// Every call is made, and what follows from it, until nobody has anything to do. Then some time passes.
    async fn round(&mut self) -> Result<(), String> {
        for _ in 0..SPINS {
            if self.desk.let_all_go() == 0 {
                tokio::time::advance(Duration::from_millis(60)).await;
                self.settle().await;
                return self.check().await;
            }
            self.settle().await;
        }
        Err(format!("{SPINS} calls follow each other, and none waits"))
    }

    async fn is_done(&self) -> Result<bool, BoxError> {
        let end = self.store.high_water_mark().await?.get();
        if self.setup.relays > 0 && !self.seen().is_published(end) {
            return Ok(false);
        }
        if self.setup.runners == 0 {
            return Ok(true);
        }
        let parked = self.store.parked(Journal::NAME).await?;
        for one in parked.iter().filter(|parked| parked.requested.is_none()) {
            self.store.redrive(one, "mended").await?;
        }
        let partitions = self.store.partitions(Journal::NAME).await?;
        let is_at_end = |status: &PartitionStatus| status.at.map_or(0, |at| at.offset.get()) >= end;
        Ok(parked.is_empty() && !partitions.is_empty() && partitions.iter().all(is_at_end))
    }

    pub(crate) fn end_all(&self) {
        for process in &self.processes {
            process.running.abort();
        }
    }
}

async fn run(store: Gated, journal: Journal, partitions: u16) -> Ended {
    let runner = Runner::over_log(&store, journal)?;
    let retry = RetryPolicy::default().attempts(2);
    let runner = runner.batch_size(3).retry(retry).partitions(partitions);
    Ok(runner.run(std::future::pending()).await?)
}
