//! What a writer does next, by chance.

use std::time::Duration;

use cqrs_core::{EventId, ExpectedVersion, Version};
use fastrand::Rng;

use super::ask::{Ask, End, Hold, Own, Turn, Unit};
use crate::{names::StreamNumber, scene::Scene};

pub(super) struct Dice(Rng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    pub(super) fn turn(&mut self, scene: &Scene, own: Own) -> Turn {
        match self.0.u8(..100) {
            0..66 => Turn::Append(vec![self.one(scene, own)]),
            66..74 => Turn::Append(self.some(scene, own)),
            74..80 => Turn::Twice(self.some(scene, own)),
            80..82 => Turn::Repeat,
            _ => Turn::Unit(self.unit(scene, own)),
        }
    }

    /// About as long as an append takes, if the caller is to give up before, during or after it.
    pub(super) fn given_up(&mut self) -> Option<Duration> {
        self.one_in(40).then(|| self.moment())
    }

    /// A unit that sits on its append for so long that the server may lose patience.
    pub(super) fn sitting(&mut self, own: Own) -> Unit {
        let at_most = Duration::from_millis(self.0.u64(300..4_000));
        let commits = u64::MAX;
        Unit {
            asks: vec![self.cold(own)],
            never_begins: None,
            early: None,
            reads_first: false,
            undoes_first: false,
            hold: Some(Hold { commits, at_most }),
            prepared: false,
            end: if self.one_in(3) {
                End::RollBack
            } else {
                End::Commit
            },
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

    pub(super) fn one_in(&mut self, times: u8) -> bool {
        self.0.u8(..times) == 0
    }

    /// An index below `count`; 0 if there is none.
    pub(super) fn below(&mut self, count: usize) -> usize {
        self.0.usize(..count.max(1))
    }

    fn unit(&mut self, scene: &Scene, own: Own) -> Unit {
        let asks = self.some(scene, own);
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
            never_begins: self.one_in(40).then(|| self.moment() / 8),
            early: self.one_in(4).then(|| self.hold()),
            reads_first: cold && self.one_in(3),
            undoes_first: self.one_in(8),
            hold: self.one_in(waits).then(|| self.hold()),
            prepared: self.one_in(8),
            asks,
            end,
        }
    }

    fn one(&mut self, scene: &Scene, own: Own) -> Ask {
        if self.one_in(2) {
            self.hot(scene)
        } else {
            self.cold(own)
        }
    }

    /// One to three streams. Some are only guarded; now and then all of them. The others share the few events that an append
    /// may have.
    fn some(&mut self, scene: &Scene, own: Own) -> Vec<Ask> {
        let mut asks = vec![self.cold(own)];
        for _ in 0..self.0.u8(..3) {
            let mut ask = self.hot(scene);
            let most = if self.one_in(3) { 0 } else { 2 };
            ask.events = ask.events.min(most);
            if asks.iter().all(|other| other.stream != ask.stream) {
                asks.push(ask);
            }
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
            6 if self.one_in(4) => {
                ExpectedVersion::LastEvent(Version::new(floor), EventId::random())
            }
            _ => ExpectedVersion::Any,
        };
        Ask {
            stream,
            expected,
            events: self.0.u8(1..=3),
            floor,
            own: None,
        }
    }

    fn cold(&mut self, own: Own) -> Ask {
        let version = Version::new(own.version);
        let expected = match (self.0.u8(..5), own.last) {
            (0, None) => ExpectedVersion::NoStream,
            (0, Some(_)) => ExpectedVersion::StreamExists,
            (1, _) => ExpectedVersion::Any,
            (2 | 3, Some(last)) => ExpectedVersion::LastEvent(version, last),
            _ => ExpectedVersion::Exact(version),
        };
        Ask {
            stream: own.stream,
            expected,
            events: self.0.u8(1..=3),
            floor: own.version,
            own: Some(own),
        }
    }

    fn hold(&mut self) -> Hold {
        Hold {
            commits: self.0.u64(1..=40),
            at_most: Duration::from_millis(200),
        }
    }

    fn moment(&mut self) -> Duration {
        Duration::from_micros(self.0.u64(..4_000))
    }
}
