//! Commands to aggregates that the repository knows: their writers come back to them. Raw knows the versions likewise.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use cqrs_core::Repository;
use cqrs_postgres::PgEventStore;

use super::{Setting, Sides};
use crate::{
    Outcome,
    domain::{Account, AccountEvent},
    fill::id,
    measure::{rate, take_turns},
};

const AGGREGATES: u32 = 1_000;

pub(super) async fn measure(setting: &Setting<'_>, sides: &Sides<'_>) -> Outcome<()> {
    sides.clear().await?;
    let accounts = Repository::new(sides.store.clone()).cache(2 * AGGREGATES as usize);
    for number in 0..AGGREGATES {
        accounts.execute(id(number), 1).await?;
    }
    let versions: Versions = (0..AGGREGATES).map(|_| AtomicI64::new(0)).collect();
    let (rounds, turn) = (setting.options.rounds, setting.options.turn());

    let ours = async |time| commands(setting, &accounts, time).await;
    let raw = async |time| batched(setting, sides, &versions, time).await;
    let pairs = take_turns(rounds, turn, ours, raw).await?;
    let point = setting.point("execute", Some("warm"), "an insert for all that wait");
    point.print(&pairs);

    if setting.writers == 1 {
        let raw = async |time| alone(setting, sides, &versions, time).await;
        let pairs = take_turns(rounds, turn, ours, raw).await?;
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
    let (writers, events) = (setting.writers, setting.events);
    rate(writers, time, |writer, mut turn| {
        let (accounts, mut own) = (accounts.clone(), Own::of(writer, writers));
        async move {
            while turn.goes_on() {
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
    let (writers, events) = (setting.writers, setting.events);
    rate(writers, time, |writer, mut turn| {
        let (raw, versions) = (sides.batched.clone(), Arc::clone(versions));
        let mut own = Own::of(writer, writers);
        async move {
            while turn.goes_on() {
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

async fn alone(
    setting: &Setting<'_>,
    sides: &Sides<'_>,
    versions: &Versions,
    time: Duration,
) -> Outcome<f64> {
    let (writers, events) = (setting.writers, setting.events);
    rate(writers, time, |writer, mut turn| {
        let (raw, versions) = (sides.alone.clone(), Arc::clone(versions));
        let mut own = Own::of(writer, writers);
        async move {
            let mut raw = raw.session().await?;
            while turn.goes_on() {
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

/// Where the aggregate is, before it is moved on.
fn advance(versions: &[AtomicI64], number: u32, events: u32) -> i64 {
    versions[number as usize].fetch_add(i64::from(events), Ordering::Relaxed)
}

/// The aggregates of one writer, again and again: no two writers meet.
struct Own {
    writer: u32,
    writers: u32,
    next: u32,
}

impl Own {
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
