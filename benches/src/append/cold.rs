//! Commands to aggregates that the repository does not know: each is met for the first time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use cqrs_core::Repository;

use super::{ONE_BY_ONE, Setting, Sides};
use crate::{
    Outcome,
    domain::Account,
    fill::{fill, id},
    measure::{rate, take_turns},
};

/// How many events an aggregate has before.
const EACH: u32 = 5;

pub(super) async fn measure(setting: &Setting<'_>, sides: &Sides<'_>) -> Outcome<()> {
    sides.clear().await?;
    // At such rates they last for all turns of a point. Should they not, the first ones come again, still unknown.
    let streams = if setting.writers == 1 {
        20_000
    } else {
        100_000
    };
    for database in sides.databases {
        fill(database, streams, EACH).await?;
    }
    let (rounds, turn) = (setting.options.rounds, setting.options.turn());

    let ids = Ids::of(streams);
    let ours = async |time| commands(setting, sides, &ids, time).await;
    let ids = Ids::of(streams);
    if setting.writers == 1 {
        let raw = async |time| alone(setting, sides, &ids, time).await;
        let pairs = take_turns(rounds, turn, ours, raw).await?;
        let point = setting.point("execute", Some("cold"), ONE_BY_ONE);
        point.print(&pairs);
        return Ok(());
    }
    let raw = async |time| batched(setting, sides, &ids, time).await;
    let pairs = take_turns(rounds, turn, ours, raw).await?;
    let yardstick = "a select for all that wait, an insert for all that wait";
    let point = setting.point("execute", Some("cold"), yardstick);
    point.print(&pairs);
    Ok(())
}

async fn commands(
    setting: &Setting<'_>,
    sides: &Sides<'_>,
    ids: &Ids,
    time: Duration,
) -> Outcome<f64> {
    let accounts = Repository::<Account, _>::new(sides.store.clone()).cache(0);
    let events = setting.events;
    rate(setting.writers, time, |_, mut turn| {
        let (accounts, ids) = (accounts.clone(), ids.clone());
        async move {
            while turn.goes_on() {
                accounts.execute(ids.next(), events).await?;
            }
            Ok(turn)
        }
    })
    .await
}

async fn batched(
    setting: &Setting<'_>,
    sides: &Sides<'_>,
    ids: &Ids,
    time: Duration,
) -> Outcome<f64> {
    let events = setting.events;
    rate(setting.writers, time, |_, mut turn| {
        let (raw, ids) = (sides.batched.clone(), ids.clone());
        async move {
            while turn.goes_on() {
                raw.command(&ids.next(), events).await?;
            }
            Ok(turn)
        }
    })
    .await
}

async fn alone(
    setting: &Setting<'_>,
    sides: &Sides<'_>,
    ids: &Ids,
    time: Duration,
) -> Outcome<f64> {
    let events = setting.events;
    rate(setting.writers, time, |_, mut turn| {
        let (raw, ids) = (sides.alone.clone(), ids.clone());
        async move {
            let mut raw = raw.session().await?;
            while turn.goes_on() {
                raw.command(&ids.next(), events).await?;
            }
            Ok(turn)
        }
    })
    .await
}

/// The streams, one after the other for all writers.
#[derive(Clone)]
struct Ids {
    next: Arc<AtomicU32>,
    streams: u32,
}

impl Ids {
    fn of(streams: u32) -> Self {
        let next = Arc::new(AtomicU32::new(0));
        Self { next, streams }
    }

    fn next(&self) -> String {
        id(self.next.fetch_add(1, Ordering::Relaxed) % self.streams)
    }
}
