//! What a writer does next, by chance.

use std::time::Duration;

use cqrs_core::{ExpectedVersion, Version};
use fastrand::Rng;

use crate::{books::Part, names::StreamNumber, scene::Scene};

/// What is asked of one stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask {
    pub(super) stream: StreamNumber,
    pub(super) expected: ExpectedVersion,
    /// 0: guard it only.
    pub(super) events: u8,
    /// A version that the stream had reached before the call.
    pub(super) floor: u64,
    /// Nobody else writes to it, so it is still there.
    pub(super) own: bool,
}

impl Ask {
    pub(super) fn part(&self) -> Part {
        Part::asked(self.stream, self.events)
    }
}

/// What a writer does next.
#[derive(Debug)]
pub(super) enum Turn {
    /// An append in a transaction of its own; given up after a while, if a time is given.
    Append(Ask, Option<Duration>),
    /// A unit of work.
    Unit(Unit),
}

/// A transaction with an append in it.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) asks: Vec<Ask>,
    /// Takes its transaction id, and waits, long before it appends.
    pub(super) early: Option<Hold>,
    /// Guards and reads the streams, and expects what it has read.
    pub(super) reads_first: bool,
    /// Appends once more before, and goes back to a savepoint.
    pub(super) undoes_first: bool,
    /// Waits between append and end: nobody reads past it meanwhile.
    pub(super) hold: Option<Hold>,
    pub(super) end: End,
}

/// A wait that is over when others have committed so often, or after a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hold {
    pub(super) commits: u64,
    pub(super) at_most: Duration,
}

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Commit,
    /// The caller stops waiting for the commit.
    GivenUp(Duration),
    RollBack,
    Drop,
}

/// The stream that only this writer writes to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Own {
    pub(super) stream: StreamNumber,
    pub(super) version: u64,
}

pub(super) struct Dice(Rng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    pub(super) fn turn(&mut self, scene: &Scene, own: Own) -> Turn {
        if self.one_in(5) {
            return Turn::Unit(self.unit(scene, own));
        }
        let ask = if self.one_in(2) {
            self.hot(scene)
        } else {
            self.cold(own)
        };
        let given_up = self.one_in(40);
        Turn::Append(ask, given_up.then(|| self.moment()))
    }

    fn unit(&mut self, scene: &Scene, own: Own) -> Unit {
        let asks = self.asks(scene, own);
        let cold = !asks.iter().any(|ask| ask.stream.is_hot());
        let end = match self.0.u8(..100) {
            0..75 => End::Commit,
            75..80 => End::GivenUp(self.moment()),
            80..92 => End::RollBack,
            _ => End::Drop,
        };
        // Whoever waits with a hot stream in hand holds up the writers, which is a test of another thing.
        let waits = if cold { 3 } else { 20 };
        Unit {
            early: self.one_in(4).then(|| self.hold()),
            reads_first: cold && self.one_in(3),
            undoes_first: self.one_in(8),
            hold: self.one_in(waits).then(|| self.hold()),
            asks,
            end,
        }
    }

    /// A unit that sits on its append for so long that the server may lose patience.
    pub(super) fn sitting(&mut self, own: Own) -> Unit {
        let mut ask = self.cold(own);
        ask.events = ask.events.max(1);
        let end = if self.one_in(3) {
            End::RollBack
        } else {
            End::Commit
        };
        let at_most = Duration::from_millis(self.0.u64(300..4_000));
        Unit {
            asks: vec![ask],
            early: None,
            reads_first: false,
            undoes_first: false,
            hold: Some(Hold {
                commits: u64::MAX,
                at_most,
            }),
            end,
        }
    }

    /// How long to do nothing between two sittings.
    pub(super) fn rest(&mut self) -> Duration {
        Duration::from_millis(self.0.u64(1_000..6_000))
    }

    /// A time to wait after so many failures in a row: doubled for each, within bounds, and not the same for everybody.
    pub(super) fn back_off(&mut self, failures: u32) -> Duration {
        let most = 4_u64 << failures.min(7);
        Duration::from_millis(self.0.u64(1..=most))
    }

    fn asks(&mut self, scene: &Scene, own: Own) -> Vec<Ask> {
        let mut asks = vec![self.cold(own)];
        for _ in 0..self.0.u8(..3) {
            let ask = self.hot(scene);
            if asks.iter().all(|other| other.stream != ask.stream) {
                asks.push(ask);
            }
        }
        // Some streams are only guarded; now and then all of them. The others share the few events an append may have.
        for ask in asks.iter_mut().skip(1) {
            let most = if self.one_in(3) { 0 } else { 2 };
            ask.events = ask.events.min(most);
        }
        if self.one_in(10) {
            asks[0].events = 0;
        }
        self.0.shuffle(&mut asks);
        asks
    }

    /// A stream that everybody writes to, the first ones most: each half of the rest is as busy as all before it.
    fn hot(&mut self, scene: &Scene) -> Ask {
        let octave = self.0.u32(0..=StreamNumber::HOT.ilog2());
        let stream = StreamNumber(self.0.u32(0..1 << octave));
        let floor = scene.version(stream);
        let expected = match self.0.u8(..10) {
            0..4 => ExpectedVersion::Exact(Version::new(floor)),
            4 if floor > 0 => ExpectedVersion::StreamExists,
            5 => ExpectedVersion::NoStream,
            _ => ExpectedVersion::Any,
        };
        Ask {
            stream,
            expected,
            events: self.0.u8(1..=3),
            floor,
            own: false,
        }
    }

    fn cold(&mut self, own: Own) -> Ask {
        let expected = match (self.0.u8(..4), own.version) {
            (0, 0) => ExpectedVersion::NoStream,
            (0, _) => ExpectedVersion::StreamExists,
            (1, _) => ExpectedVersion::Any,
            _ => ExpectedVersion::Exact(Version::new(own.version)),
        };
        Ask {
            stream: own.stream,
            expected,
            events: self.0.u8(1..=3),
            floor: own.version,
            own: true,
        }
    }

    fn hold(&mut self) -> Hold {
        Hold {
            commits: self.0.u64(1..=40),
            at_most: Duration::from_millis(200),
        }
    }

    /// About as long as an append takes: the caller gives up before, during or after it.
    fn moment(&mut self) -> Duration {
        Duration::from_micros(self.0.u64(..4_000))
    }

    pub(super) fn one_in(&mut self, times: u8) -> bool {
        self.0.u8(..times) == 0
    }
}
