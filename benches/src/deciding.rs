//! What a user's aggregate costs through the framework: deciding and taking events in, without a store.

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
    measure::{per_second, take_turns},
    random::Random,
    report::Point,
};

/// So many commands between two looks at the clock.
const CHUNK: u32 = 1_000;

/// A command takes some nanoseconds, which by a quarter depend on where in memory its state happens to lie. So each turn is one of
/// so many places.
const PLACES: u32 = 50;

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
    let pairs = take_turns(options.rounds, options.turn(), ours, raw).await?;
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
    let (mut state, mut context) = (A::default(), context());
    move || {
        let Ok(events) = state.handle(black_box(command.clone()), &context);
        context.version = context.version.plus(events.len() as u64);
        for event in events {
            state.apply(event);
        }
        black_box(&state);
    }
}

/// How often a second.
fn rate<C: FnMut()>(time: Duration, commands: impl Fn() -> C) -> f64 {
    let (begun, mut random) = (Instant::now(), Random::new());
    let (mut done, mut others) = (0, Vec::new());
    for place in 1..=PLACES {
        others.push(Vec::<u128>::with_capacity(random.below(256) as usize));
        let mut command = Box::new(commands());
        while begun.elapsed() < time * place / PLACES {
            for _ in 0..CHUNK {
                command();
            }
            done += u64::from(CHUNK);
        }
    }
    black_box(others);
    per_second(done, begun.elapsed())
}

fn context() -> Context {
    Context {
        id: "1".into(),
        version: Version::EMPTY,
        now: SystemTime::now(),
        metadata: Metadata::default(),
    }
}

/// The smallest aggregate: what is around it shows most.
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
