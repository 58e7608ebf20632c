//! A writer: appends in every way the port has, and keeps books on what it was told.

mod dice;
mod judge;
mod unit;

use std::{sync::Arc, time::Duration};

use cqrs_core::{Append, Appended, EventStore, Metadata, NewEvent, StoreErrorKind, WriteError};
use serde::Serialize;

use self::dice::{Ask, Dice, Own, Turn};
use crate::{
    books::Ledger, mischief::Mischief, names::EventNumber, scene::Scene, sightings::payload,
    verdict::Verdict,
};

/// What a writer brings home.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// What it was told.
    pub(crate) ledger: Ledger,
    /// What it noticed itself.
    pub(crate) verdict: Verdict,
    /// What it did.
    pub(crate) deeds: Deeds,
}

/// What writers did, and what was answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Deeds {
    /// Acknowledged appends to one stream, each in a transaction of its own.
    pub single: u64,
    /// Acknowledged units of work.
    pub units: u64,
    /// Appends refused because a stream was not as expected.
    pub conflicts: u64,
    /// Transactions that were rolled back or dropped, or left a savepoint's appends behind.
    pub rolled_back: u64,
    /// Appends that the store could not do, and said so.
    pub unavailable: u64,
    /// Appends whose outcome was not told: the connection broke, or the caller gave up.
    pub unknown: u64,
}

impl Deeds {
    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            single: self.single + other.single,
            units: self.units + other.units,
            conflicts: self.conflicts + other.conflicts,
            rolled_back: self.rolled_back + other.rolled_back,
            unavailable: self.unavailable + other.unavailable,
            unknown: self.unknown + other.unknown,
        }
    }
}

/// No call to a store may last longer. What has not answered by then counts as unknown.
const PATIENCE: Duration = Duration::from_secs(60);

/// A stream of one's own is left for a new one after so many events.
const OWN_EVENTS: u64 = 30;

pub(crate) struct Writer<S, M> {
    store: S,
    mischief: Arc<M>,
    scene: Arc<Scene>,
    number: u16,
    dice: Dice,
    own: Own,
    written: Written,
    failures: u32,
}

/// What became of an append that was not acknowledged.
enum Failed {
    /// It will never be seen.
    Refused(WriteError),
    /// Nobody can tell. Without an error: the caller gave up.
    Unknown(Option<WriteError>),
}

impl<S: EventStore, M: Mischief<S::Transaction>> Writer<S, M> {
    pub(crate) fn new(store: S, mischief: Arc<M>, scene: Arc<Scene>, number: u16) -> Self {
        let own = Own {
            stream: scene.fresh_stream(),
            version: 0,
        };
        Self {
            dice: Dice::new(scene.plan.seed.wrapping_add(u64::from(number))),
            store,
            mischief,
            scene,
            number,
            own,
            written: Written::default(),
            failures: 0,
        }
    }

    /// Writes until the scene stops.
    pub(crate) async fn write(mut self) -> Written {
        while !self.scene.is_stopping() {
            let turn = self.dice.turn(&self.scene, self.own);
            match turn {
                Turn::Append(ask, given_up) => self.append(ask, given_up).await,
                Turn::Unit(unit) => self.unit(unit).await,
            }
            // A store that never waits would leave nobody else a turn.
            tokio::task::yield_now().await;
        }
        self.written
    }

    /// Sits on appends, now and then, until the scene stops.
    pub(crate) async fn sit(mut self) -> Written {
        loop {
            self.scene.pause(self.dice.rest()).await;
            if self.scene.is_stopping() {
                return self.written;
            }
            let unit = self.dice.sitting(self.own);
            self.unit(unit).await;
        }
    }

    async fn append(&mut self, ask: Ask, given_up: Option<Duration>) {
        let number = self.written.ledger.open([ask.part()]);
        let append = self.compose(number, &[ask]).remove(0);
        let answer = within(given_up.unwrap_or(PATIENCE), self.store.append(append)).await;
        match answer {
            Some(Ok(landed)) => {
                self.written.deeds.single += 1;
                self.acknowledged(number, &[ask], &[landed]);
            }
            Some(Err(error)) if is_unknown(&error) => {
                self.failed(number, &[ask], Failed::Unknown(Some(error)))
                    .await;
            }
            Some(Err(error)) => {
                self.written.verdict.absorb(judge::refusal(&[ask], &error));
                self.failed(number, &[ask], Failed::Refused(error)).await;
            }
            None => self.failed(number, &[ask], Failed::Unknown(None)).await,
        }
    }

    /// The appends with events that can be told apart from all others.
    fn compose(&self, append: u32, asks: &[Ask]) -> Vec<Append> {
        let mut numbers = (0..).map(|index| EventNumber {
            writer: self.number,
            append,
            index,
        });
        let event = |number: EventNumber| NewEvent {
            id: number.id(self.scene.run),
            event_type: "Checked",
            payload: payload(number).into(),
            metadata: Metadata::default(),
        };
        let of = |ask: &Ask| Append {
            stream: ask.stream.id(),
            expected: ask.expected,
            events: numbers
                .by_ref()
                .take(usize::from(ask.events))
                .map(event)
                .collect(),
        };
        asks.iter().map(of).collect()
    }

    fn acknowledged(&mut self, number: u32, asks: &[Ask], landed: &[Appended]) {
        self.failures = 0;
        self.written.ledger.acknowledge(number, landed);
        self.written.verdict.absorb(judge::landing(asks, landed));
        let mut position = None;
        for (ask, landed) in asks.iter().zip(landed) {
            let version = landed.version.get();
            position = position.max(landed.position.filter(|_| ask.events > 0));
            self.scene.reached(ask.stream, version);
            if ask.own {
                self.own.version = version;
            }
        }
        let events = asks.iter().map(|ask| u64::from(ask.events)).sum();
        self.scene
            .acknowledge(events, position.map(cqrs_core::Position::get));
        self.stop_at_a_breach();
        if self.own.version >= OWN_EVENTS {
            self.renew();
        }
    }

    async fn failed(&mut self, number: u32, asks: &[Ask], failed: Failed) {
        let error = match failed {
            Failed::Refused(error) => {
                self.written.ledger.refuse(number);
                Some(error)
            }
            Failed::Unknown(error) => {
                self.written.deeds.unknown += 1;
                if asks.iter().any(|ask| ask.own) {
                    self.renew();
                }
                error
            }
        };
        self.stop_at_a_breach();
        match error {
            None => {}
            Some(WriteError::Conflict(_)) => self.written.deeds.conflicts += 1,
            Some(WriteError::Store(error)) => self.store_failed(error).await,
            Some(error) => self.scene.fail(judge::unexpected(&error).into()),
        }
    }

    async fn store_failed(&mut self, error: cqrs_core::StoreError) {
        match error.kind() {
            StoreErrorKind::Unavailable => self.written.deeds.unavailable += 1,
            StoreErrorKind::OutcomeUnknown => {}
            _ => return self.scene.fail(error.into()),
        }
        self.failures += 1;
        let wait = self.dice.back_off(self.failures);
        self.scene.pause(wait).await;
    }

    /// Goes on with a stream that nobody has written to.
    fn renew(&mut self) {
        self.own = Own {
            stream: self.scene.fresh_stream(),
            version: 0,
        };
    }

    fn stop_at_a_breach(&self) {
        if !self.written.verdict.is_clean() {
            self.scene.stop();
        }
    }
}

fn is_unknown(error: &WriteError) -> bool {
    matches!(error, WriteError::Store(error) if error.kind() == StoreErrorKind::OutcomeUnknown)
}

/// The future's answer; `None` when it was dropped because the time was up.
async fn within<T>(time: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(time, future).await.ok()
}
