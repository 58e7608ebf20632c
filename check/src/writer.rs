//! A writer: appends in every way the port has, and keeps books on what it was told.

mod ask;
mod deeds;
mod dice;
mod judge;
mod keyed;
mod prepared;
mod repeat;
mod unit;

use std::{sync::Arc, time::Duration};

use cqrs_core::{
    Append, Appended, Appends, EventStore, Metadata, Position, StoreError, StoreErrorKind,
    WriteError, model::NewEvent,
};

pub use self::deeds::Deeds;
use self::{
    ask::{Ask, Own, Turn},
    dice::Dice,
    repeat::Kept,
};
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

/// No call to a store may last longer. What has not answered by then counts as unknown.
const PATIENCE: Duration = Duration::from_secs(90);

/// A stream of one's own is left for a new one after so many events.
const OWN_EVENTS: u64 = 30;

pub(crate) struct Writer<S, M> {
    store: S,
    mischief: Arc<M>,
    scene: Arc<Scene>,
    number: u16,
    dice: Dice,
    own: Own,
    kept: Vec<Kept>,
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
        Self {
            store,
            mischief,
            number,
            dice: Dice::new(scene.plan.seed.wrapping_add(u64::from(number))),
            own: Own::empty(scene.fresh_stream()),
            scene,
            kept: Vec::new(),
            written: Written::default(),
            failures: 0,
        }
    }

    /// Writes until the scene stops.
    pub(crate) async fn write(mut self) -> Written {
        while !self.scene.is_stopping() {
            match self.dice.turn(&self.scene, self.own) {
                Turn::Append(asks) => self.append(&asks).await,
                Turn::Twice(asks) => self.twice(asks).await,
                Turn::Repeat => self.repeat().await,
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

    async fn append(&mut self, asks: &[Ask]) {
        let number = self.open(asks);
        let appends = self.compose(number, asks);
        let time = self.dice.given_up().unwrap_or(PATIENCE);
        let answer = match within(time, self.store.append_all(appends)).await {
            Some(Ok(landed)) => Ok(landed),
            Some(Err(error)) if is_unknown(&error) => Err(Failed::Unknown(Some(error))),
            Some(Err(error)) => Err(Failed::Refused(error)),
            None => Err(Failed::Unknown(None)),
        };
        match answer {
            Ok(landed) => {
                self.written.deeds.appends += 1;
                self.acknowledged(number, asks, &landed);
            }
            Err(failed) => {
                if let Failed::Refused(error) = &failed {
                    self.judge(judge::refusal(asks, error));
                }
                self.failed(number, failed).await;
            }
        }
    }

    /// Writes an append down before it is sent.
    fn open(&mut self, asks: &[Ask]) -> u32 {
        self.written.ledger.open(asks.iter().map(Ask::part))
    }

    /// The appends with events that can be told apart from all others.
    fn compose(&self, append: u32, asks: &[Ask]) -> Appends {
        let mut index = 0;
        let mut event = || {
            let number = self.event(append, index);
            index += 1;
            NewEvent {
                id: number.id(self.scene.run),
                event_type: "Checked",
                payload: payload(number).into(),
                metadata: Metadata::default(),
            }
        };
        let mut of = |ask: &Ask| Append {
            stream: ask.stream.id(),
            expected: ask.expected,
            events: (0..ask.events).map(|_| event()).collect(),
        };
        Appends::from(asks.iter().map(&mut of).collect::<Vec<_>>())
    }

    const fn event(&self, append: u32, index: u8) -> EventNumber {
        EventNumber {
            writer: self.number,
            append,
            index,
        }
    }

    fn acknowledged(&mut self, number: u32, asks: &[Ask], landed: &[Appended]) {
        self.written.ledger.acknowledge(number, landed);
        self.landed(asks, landed);
        let mut index = 0;
        for (ask, landed) in asks.iter().zip(landed) {
            index += ask.events;
            if ask.own.is_some() && ask.events > 0 {
                self.own.version = landed.version.get();
                self.own.last = Some(self.event(number, index - 1).id(self.scene.run));
            }
        }
        if self.own.version >= OWN_EVENTS {
            self.renew();
        }
    }

    /// Something that was asked for is there.
    fn landed(&mut self, asks: &[Ask], landed: &[Appended]) {
        self.failures = 0;
        self.judge(judge::landing(asks, landed));
        for (ask, landed) in asks.iter().zip(landed) {
            self.scene.reached(ask.stream, landed.version.get());
        }
        let position = landed.iter().filter_map(|landed| landed.position).max();
        self.scene.acknowledge(position.map(Position::get));
    }

    async fn failed(&mut self, number: u32, failed: Failed) {
        let error = match failed {
            Failed::Refused(error) => {
                self.written.ledger.refuse(number);
                Some(error)
            }
            Failed::Unknown(error) => {
                self.written.deeds.unknown += 1;
                self.renew();
                error
            }
        };
        match error {
            Some(WriteError::Conflict(_)) => self.written.deeds.conflicts += 1,
            Some(WriteError::Store(error)) => self.store_failed(error).await,
            _ => {}
        }
    }

    async fn store_failed(&mut self, error: StoreError) {
        match error.kind() {
            StoreErrorKind::Unavailable => self.written.deeds.unavailable += 1,
            StoreErrorKind::OutcomeUnknown => {}
            _ => return self.scene.fail(error.into()),
        }
        self.back_off().await;
    }

    async fn back_off(&mut self) {
        self.failures += 1;
        let wait = self.dice.back_off(self.failures);
        tokio::time::sleep(wait).await;
    }

    /// Goes on with a stream that nobody has written to.
    fn renew(&mut self) {
        self.own = Own::empty(self.scene.fresh_stream());
    }

    /// Takes what was found; a breach ends the run.
    fn judge(&mut self, verdict: Verdict) {
        if !verdict.is_clean() {
            self.scene.stop();
        }
        self.written.verdict.absorb(verdict);
    }
}

fn is_unknown(error: &WriteError) -> bool {
    matches!(error, WriteError::Store(error) if error.kind() == StoreErrorKind::OutcomeUnknown)
}

/// The future's answer; `None` when it was dropped because the time was up.
async fn within<T>(time: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(time, future).await.ok()
}
