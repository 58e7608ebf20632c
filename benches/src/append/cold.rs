//! Commands to aggregates whose state is not cached.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use cqrs_core::CommandStore;

use super::{ONE_BY_ONE, Setting, Sides};
use crate::{
    Outcome,
    domain::Account,
    fill::{fill, id},
    measure::{alternate, rate},
};

/// How many events an aggregate has before the command.
const EACH: u32 = 5;

pub(super) async fn measure(setting: &Setting<'_>, sides: &Sides<'_>) -> Outcome<()> {
    sides.clear().await?;
    // Enough for all rounds of a point at the usual rates. Otherwise the first streams are used again, still not cached.
    let streams = if setting.writers == 1 {
        20_000
    } else {
        100_000
    };
    for database in sides.databases {
        fill(database, streams, EACH).await?;
    }
    let rounds = setting.options.rounds;
    let turn = setting.options.turn();

    let ids = Ids::of(streams);
    let ours = async |time| commands(setting, sides, &ids, time).await;
    let ids = Ids::of(streams);
    if setting.writers == 1 {
        let raw = async |time| one_by_one(setting, sides, &ids, time).await;
        let pairs = alternate(rounds, turn, ours, raw).await?;
        let point = setting.point("execute", Some("cold"), ONE_BY_ONE);
        point.print(&pairs);
        return Ok(());
    }
    let raw = async |time| batched(setting, sides, &ids, time).await;
    let pairs = alternate(rounds, turn, ours, raw).await?;
    let yardstick = "one select for all waiting calls, one insert for all waiting calls";
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
    let accounts = sides.store.repository::<Account>().cache(0);
    let events = setting.events;
    rate(setting.writers, time, |_, mut turn| {
        let accounts = accounts.clone();
        let ids = ids.clone();
        async move {
            while turn.should_continue() {
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
        let raw = sides.batched.clone();
        let ids = ids.clone();
        async move {
            while turn.should_continue() {
                raw.command(&ids.next(), events).await?;
            }
            Ok(turn)
        }
    })
    .await
}

async fn one_by_one(
    setting: &Setting<'_>,
    sides: &Sides<'_>,
    ids: &Ids,
    time: Duration,
) -> Outcome<f64> {
    let events = setting.events;
    rate(setting.writers, time, |_, mut turn| {
        let raw = sides.one_by_one.clone();
        let ids = ids.clone();
        async move {
            let mut raw = raw.session().await?;
            while turn.should_continue() {
                raw.command(&ids.next(), events).await?;
            }
            Ok(turn)
        }
    })
    .await
}

/// The streams, one after the other. All writers share them.
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
