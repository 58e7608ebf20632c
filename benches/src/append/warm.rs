//! Commands to aggregates whose state is cached. The raw side knows the versions too.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use cqrs_core::{CommandStore, Repository};
use cqrs_postgres::PgEventStore;

use super::{Setting, Sides};
use crate::{
    Outcome,
    domain::{Account, AccountEvent},
    fill::id,
    measure::{alternate, rate},
};

const AGGREGATES: u32 = 1_000;

pub(super) async fn measure(setting: &Setting<'_>, sides: &Sides<'_>) -> Outcome<()> {
    sides.clear().await?;
    let accounts = sides.store.repository().cache(2 * AGGREGATES as usize);
    for number in 0..AGGREGATES {
        accounts.execute(id(number), 1).await?;
    }
    let versions: Versions = (0..AGGREGATES).map(|_| AtomicI64::new(0)).collect();
    let rounds = setting.options.rounds;
    let turn = setting.options.turn();

    let ours = async |time| commands(setting, &accounts, time).await;
    let raw = async |time| batched(setting, sides, &versions, time).await;
    let pairs = alternate(rounds, turn, ours, raw).await?;
    let point = setting.point("execute", Some("warm"), "one insert for all waiting calls");
    point.print(&pairs);

    if setting.writers == 1 {
        let raw = async |time| one_by_one(setting, sides, &versions, time).await;
        let pairs = alternate(rounds, turn, ours, raw).await?;
        let point = setting.point("execute", Some("warm"), "an insert with a version check");
        point.print(&pairs);
    }
    Ok(())
}

async fn commands(
    setting: &Setting<'_>,
    accounts: &Repository<Account, PgEventStore>,
    time: Duration,
) -> Outcome<f64> {
    let writers = setting.writers;
    let events = setting.events;
    rate(writers, time, |writer, mut turn| {
        let accounts = accounts.clone();
        let mut own = OwnAggregates::of(writer, writers);
        async move {
            while turn.should_continue() {
                accounts.execute(id(own.next()), events).await?;
            }
            Ok(turn)
        }
    })
    .await
}

/// The version of each aggregate.
type Versions = Arc<[AtomicI64]>;

async fn batched(
    setting: &Setting<'_>,
    sides: &Sides<'_>,
    versions: &Versions,
    time: Duration,
) -> Outcome<f64> {
    let writers = setting.writers;
    let events = setting.events;
    rate(writers, time, |writer, mut turn| {
        let raw = sides.batched.clone();
        let versions = Arc::clone(versions);
        let mut own = OwnAggregates::of(writer, writers);
        async move {
            while turn.should_continue() {
                let number = own.next();
                let version = advance(&versions, number, events);
                let events = AccountEvent::examples(events);
                raw.insert(&id(number), version, &events).await?;
            }
            Ok(turn)
        }
    })
    .await
}

async fn one_by_one(
    setting: &Setting<'_>,
    sides: &Sides<'_>,
    versions: &Versions,
    time: Duration,
) -> Outcome<f64> {
    let writers = setting.writers;
    let events = setting.events;
    rate(writers, time, |writer, mut turn| {
        let raw = sides.one_by_one.clone();
        let versions = Arc::clone(versions);
        let mut own = OwnAggregates::of(writer, writers);
        async move {
            let mut raw = raw.session().await?;
            while turn.should_continue() {
                let number = own.next();
                let version = advance(&versions, number, events);
                let events = AccountEvent::examples(events);
                if !raw.insert(&id(number), version, &events).await? {
                    return Err(format!("{number} is not at version {version}").into());
                }
            }
            Ok(turn)
        }
    })
    .await
}

/// The version of the aggregate before it is advanced.
fn advance(versions: &[AtomicI64], number: u32, events: u32) -> i64 {
    versions[number as usize].fetch_add(i64::from(events), Ordering::Relaxed)
}

/// The aggregates of one writer, in turn. No two writers share one.
struct OwnAggregates {
    writer: u32,
    writers: u32,
    next: u32,
}

impl OwnAggregates {
    fn of(writer: u32, writers: u32) -> Self {
        Self {
            writer,
            writers,
            next: writer,
        }
    }

    fn next(&mut self) -> u32 {
        let number = self.next;
        self.next += self.writers;
        if self.next >= AGGREGATES {
            self.next = self.writer;
        }
        number
    }
}
