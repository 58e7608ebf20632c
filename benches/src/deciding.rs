//! Decides and applies events through the framework and by hand, without a store.

use std::{
    convert::Infallible,
    hint::black_box,
    time::{Duration, Instant, SystemTime},
};

use cqrs_core::{Aggregate, Context, Decision, Event, Metadata, Simulation, Version};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Options, Outcome,
    domain::Account,
    measure::{alternate, per_second},
    random::Random,
    report::Point,
};

/// How many commands to run before the clock is read again.
const CHUNK: u32 = 1_000;

/// A command takes a few nanoseconds, and up to a quarter of that depends on the address of its state. So each measurement
/// uses this many addresses.
const ADDRESSES: u32 = 50;

pub(crate) async fn run(options: &Options) -> Outcome<()> {
    point::<Account>(options, "events with texts", 1).await?;
    point::<Tally>(options, "events of one number", 1).await
}

async fn point<A>(options: &Options, aggregate: &str, command: A::Command) -> Outcome<()>
where
    A: Aggregate<Error = Infallible>,
{
    let ours = async |time| Ok(rate(time, || framework::<A>(command.clone())));
    let raw = async |time| Ok(rate(time, || by_hand::<A>(command.clone())));
    let pairs = alternate(options.rounds, options.turn(), ours, raw).await?;
    let point = Point {
        scenario: "core",
        parameters: json!({ "aggregate": aggregate, "events": 1 }),
        yardstick: "handle and apply in a loop",
        unit: "commands/s",
        details: Value::Null,
        notes: json!({ "cores": std::thread::available_parallelism()?.get() }),
    };
    point.print(&pairs);
    Ok(())
}

fn framework<A: Aggregate<Error = Infallible>>(command: A::Command) -> impl FnMut() {
    let mut simulation = Simulation::<A>::new("1", SystemTime::now());
    move || {
        let Ok(events) = simulation.handle(black_box(command.clone()));
        black_box((&simulation.state, events));
    }
}

fn by_hand<A: Aggregate<Error = Infallible>>(command: A::Command) -> impl FnMut() {
    let mut state = A::default();
    let mut context = context();
    move || {
        let Ok(events) = state.handle(black_box(command.clone()), &context);
        context.version = context.version.plus(events.len() as u64);
        for event in events {
            state.apply(event);
        }
        black_box(&state);
    }
}

/// The commands per second.
fn rate<C: FnMut()>(time: Duration, commands: impl Fn() -> C) -> f64 {
    let mut random = Random::new();
    let mut padding = Vec::new();
    let mut done = 0;
    let started = Instant::now();
    for address in 1..=ADDRESSES {
        padding.push(Vec::<u128>::with_capacity(random.below(256) as usize));
        let mut command = Box::new(commands());
        while started.elapsed() < time * address / ADDRESSES {
            for _ in 0..CHUNK {
                command();
            }
            done += u64::from(CHUNK);
        }
    }
    black_box(padding);
    per_second(done, started.elapsed())
}

fn context() -> Context {
    Context::new("1", Version::EMPTY, SystemTime::now(), Metadata::default())
}

/// The smallest aggregate, for which the overhead of the framework is largest.
#[derive(Debug, Default, Clone)]
struct Tally(u64);

#[derive(Debug, Clone, Serialize, Deserialize)]
enum TallyEvent {
    Counted { by: u32 },
}

impl Event for TallyEvent {
    const CATEGORY: &'static str = "tally";
}

impl Aggregate for Tally {
    type Command = u32;
    type Event = TallyEvent;
    type Error = Infallible;

    fn handle(&self, by: u32, _: &Context) -> Decision<Self> {
        Ok(vec![TallyEvent::Counted { by }])
    }

    fn apply(&mut self, TallyEvent::Counted { by }: TallyEvent) {
        self.0 += u64::from(by);
    }
}
