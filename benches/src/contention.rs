//! Many writers of the same streams: the rate of successes, and how many attempts are wasted.

mod zipf;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use cqrs_core::{Aggregate, CommandStore, Context, Decision, ExecuteError};
use cqrs_postgres::PgEventStore;
use serde_json::{Value, json};

use self::zipf::Zipf;
use crate::{
    Options, Outcome,
    database::Database,
    domain::{Account, AccountEvent},
    measure::{alternate, rate},
    random::Random,
    report::Point,
    yardstick::{RawEvents, Read},
};

const WRITERS: u32 = 32;
const STREAMS: [u32; 2] = [1, 1_000];
/// Commands to an aggregate take turns within a process. Between processes they conflict in the database.
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
    let ours = Database::from_env("contention")?;
    let raw = Database::from_env("contention")?;
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
                let ours = Attempts::default();
                let theirs = Attempts::default();
                let pairs = alternate(
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

/// Each process is a store and a repository of its own. The writers are distributed among them.
async fn commands(
    stores: &[PgEventStore],
    streams: u32,
    attempts: &Attempts,
    time: Duration,
) -> Outcome<f64> {
    let accounts = stores.iter().map(|store| store.repository::<Contended>());
    let accounts: Vec<_> = accounts.collect();
    let drawn = Zipf::of(streams);
    let before = DECISIONS.load(Ordering::Relaxed);
    let rate = rate(WRITERS, time, |writer, mut turn| {
        let accounts = accounts[writer as usize % accounts.len()].clone();
        let attempts = attempts.clone();
        let drawn = drawn.clone();
        let mut random = Random::new();
        async move {
            while turn.should_continue() {
                let id = drawn.draw(&mut random);
                loop {
                    match accounts.execute(&id, 1).await {
                        Ok(_) => break,
                        // After its last retry the writer sends the command again.
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
        let raw = raw.clone();
        let attempts = attempts.clone();
        let drawn = drawn.clone();
        let mut random = Random::new();
        async move {
            let mut raw = raw.session().await?;
            while turn.should_continue() {
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

/// The attempts and the successes of all rounds.
#[derive(Debug, Clone, Default)]
struct Attempts(Arc<AttemptCounts>);

#[derive(Debug, Default)]
struct AttemptCounts {
    made: AtomicU64,
    succeeded: AtomicU64,
}

impl Attempts {
    fn made(&self, attempts: u64) {
        self.0.made.fetch_add(attempts, Ordering::Relaxed);
    }

    fn succeeded(&self) {
        self.0.succeeded.fetch_add(1, Ordering::Relaxed);
    }

    /// The wasted attempts for each success.
    fn wasted(&self) -> f64 {
        let made = self.0.made.load(Ordering::Relaxed);
        let succeeded = self.0.succeeded.load(Ordering::Relaxed);
        made.saturating_sub(succeeded) as f64 / succeeded.max(1) as f64
    }
}

/// How many decisions were made.
static DECISIONS: AtomicU64 = AtomicU64::new(0);

/// An account that counts its decisions.
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
