//! Many writers at the same streams: how much gets through, and how much is done in vain.

/// Streams of which few are asked for often.
mod zipf;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use cqrs_core::{Aggregate, Context, Decision, ExecuteError, Repository};
use cqrs_postgres::PgEventStore;
use serde_json::{Value, json};

use self::zipf::Zipf;
use crate::{
    Options, Outcome,
    database::Database,
    domain::{Account, AccountEvent},
    measure::{rate, take_turns},
    random::Random,
    report::Point,
    yardstick::{RawEvents, Read},
};

const WRITERS: u32 = 32;
const STREAMS: [u32; 2] = [1, 1_000];
/// Within a process commands to an aggregate take turns; between processes they meet in the database.
const PROCESSES: [u32; 2] = [1, 4];

const YARDSTICKS: [(Read, &str); 2] = [
    (
        Read::Events,
        "select the stream, insert with a version check, until it succeeds",
    ),
    (
        Read::Version,
        "select the version alone, insert with a version check, until it succeeds",
    ),
];

pub(crate) async fn run(options: &Options) -> Outcome<()> {
    let (ours, raw) = (
        Database::from_env("contention")?,
        Database::from_env("contention")?,
    );
    let measured = measure(options, &ours, &raw).await;
    let measured = ours.drop_after(measured).await;
    raw.drop_after(measured).await
}

async fn measure(options: &Options, ours: &Database, raw: &Database) -> Outcome<()> {
    let notes = ours.notes().await?;
    let raw = RawEvents::create(raw, WRITERS).await?;
    for processes in PROCESSES {
        let mut stores = Vec::new();
        for _ in 0..processes {
            stores.push(ours.store(WRITERS / processes).await?);
        }
        for streams in STREAMS {
            for (read, yardstick) in YARDSTICKS {
                let (ours, theirs) = (Attempts::default(), Attempts::default());
                let pairs = take_turns(
                    options.rounds,
                    options.turn(),
                    async |time| commands(&stores, streams, &ours, time).await,
                    async |time| compare_and_set(&raw, read, streams, &theirs, time).await,
                );
                let pairs = pairs.await?;
                let mut point = point(&notes, streams, processes, yardstick);
                point.details = json!({
                    "wasted_attempts_per_success": { "ours": ours.wasted(), "raw": theirs.wasted() },
                });
                point.print(&pairs);
            }
        }
    }
    Ok(())
}

fn point(notes: &Value, streams: u32, processes: u32, yardstick: &'static str) -> Point {
    let drawn = if streams == 1 { "one" } else { "zipf, s = 1" };
    Point {
        scenario: "contention",
        parameters: json!({
            "writers": WRITERS, "processes": processes, "streams": streams, "drawn": drawn, "events": 1,
        }),
        yardstick,
        unit: "successes/s",
        details: Value::Null,
        notes: notes.clone(),
    }
}

/// A store and a repository for each process, among which the writers are dealt out.
async fn commands(
    stores: &[PgEventStore],
    streams: u32,
    attempts: &Attempts,
    time: Duration,
) -> Outcome<f64> {
    let accounts = stores
        .iter()
        .map(|store| Repository::<Contended, _>::new(store.clone()));
    let accounts: Vec<_> = accounts.collect();
    let drawn = Zipf::of(streams);
    let before = DECISIONS.load(Ordering::Relaxed);
    let rate = rate(WRITERS, time, |writer, mut turn| {
        let accounts = accounts[writer as usize % accounts.len()].clone();
        let (attempts, drawn, mut random) = (attempts.clone(), drawn.clone(), Random::new());
        async move {
            while turn.goes_on() {
                let id = drawn.draw(&mut random);
                loop {
                    match accounts.execute(&id, 1).await {
                        Ok(_) => break,
                        // Who has given up asks again.
                        Err(ExecuteError::Conflict(_)) => {}
                        Err(other) => return Err(other.into()),
                    }
                }
                attempts.succeeded();
            }
            Ok(turn)
        }
    });
    let rate = rate.await?;
    attempts.made(DECISIONS.load(Ordering::Relaxed) - before);
    Ok(rate)
}

async fn compare_and_set(
    raw: &RawEvents,
    read: Read,
    streams: u32,
    attempts: &Attempts,
    time: Duration,
) -> Outcome<f64> {
    let drawn = Zipf::of(streams);
    rate(WRITERS, time, |_, mut turn| {
        let (raw, attempts) = (raw.clone(), attempts.clone());
        let (drawn, mut random) = (drawn.clone(), Random::new());
        async move {
            let mut raw = raw.session().await?;
            while turn.goes_on() {
                let id = drawn.draw(&mut random);
                loop {
                    attempts.made(1);
                    if raw.attempt(&id, read, 1).await? {
                        break;
                    }
                }
                attempts.succeeded();
            }
            Ok(turn)
        }
    })
    .await
}

/// How often it was tried and how often it succeeded, in all turns.
#[derive(Debug, Clone, Default)]
struct Attempts(Arc<[AtomicU64; 2]>);

impl Attempts {
    fn made(&self, attempts: u64) {
        self.0[0].fetch_add(attempts, Ordering::Relaxed);
    }

    fn succeeded(&self) {
        self.0[1].fetch_add(1, Ordering::Relaxed);
    }

    /// Attempts in vain for each success.
    fn wasted(&self) -> f64 {
        let [made, succeeded] = [0, 1].map(|at| self.0[at].load(Ordering::Relaxed));
        made.saturating_sub(succeeded) as f64 / succeeded.max(1) as f64
    }
}

/// How often an account was asked to decide.
static DECISIONS: AtomicU64 = AtomicU64::new(0);

/// An account that counts how often it decides.
#[derive(Debug, Default, Clone)]
struct Contended(Account);

impl Aggregate for Contended {
    type Command = u32;
    type Event = AccountEvent;
    type Error = <Account as Aggregate>::Error;

    fn handle(&self, movements: u32, context: &Context) -> Decision<Self> {
        DECISIONS.fetch_add(1, Ordering::Relaxed);
        self.0.handle(movements, context)
    }

    fn apply(&mut self, event: AccountEvent) {
        self.0.apply(event);
    }
}
