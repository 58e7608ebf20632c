//! The same work on a table of millions of events and on a small one.

mod work;

use serde_json::{Value, json};

use self::work::{Side, Table, Work};
use crate::{
    Options, Outcome,
    database::Database,
    fill::WAVE,
    measure::alternate,
    report::{Figure, Point, resident_kilobytes},
};

const SMALL: u32 = 100_000;
/// How many events a stream has.
const EACH: u32 = 10;

pub(crate) async fn run(options: &Options) -> Outcome<()> {
    let big = Database::from_env("growth")?;
    let small = Database::from_env("growth")?;
    let measured = measure(options, &big, &small).await;
    let measured = big.drop_after(measured).await;
    small.drop_after(measured).await
}

async fn measure(options: &Options, big: &Database, small: &Database) -> Outcome<()> {
    let mut notes = big.notes().await?;
    let small = Table::filled(small, streams(SMALL), EACH).await?;
    let streams = streams(options.growth_events);
    let big = Table::filled(big, streams, EACH).await?;
    notes["table_size"] = json!({ "big": big.size().await?, "small": small.size().await? });
    let events = u64::from(streams) * u64::from(EACH);
    memory(events, "before", &notes)?;
    for work in Work::ALL {
        for side in [Side::Store, Side::Sql] {
            let pairs = alternate(
                options.rounds,
                options.turn(),
                async |time| big.rate(work, side, time).await,
                async |time| small.rate(work, side, time).await,
            );
            point(events, work, side, &notes).print(&pairs.await?);
        }
    }
    memory(events, "after", &notes)
}

/// How many streams to fill for at least this many events. A multiple of the wave.
fn streams(events: u32) -> u32 {
    events.div_ceil(EACH * WAVE) * WAVE
}

fn point(events: u64, work: Work, side: Side, notes: &Value) -> Point {
    Point {
        scenario: "growth",
        parameters: json!({
            "events": events,
            "work": work.name(),
            "by": side.name(),
            "workers": work.workers(),
        }),
        yardstick: "the same on a table of 100,000 events",
        unit: work.unit(),
        details: Value::Null,
        notes: notes.clone(),
    }
}

fn memory(events: u64, when: &str, notes: &Value) -> Outcome<()> {
    let figure = Figure {
        scenario: "growth",
        parameters: json!({ "events": events, "work": "memory of the client", "when": when }),
        unit: "kB resident",
        value: resident_kilobytes()?.into(),
        notes: notes.clone(),
    };
    figure.print();
    Ok(())
}
