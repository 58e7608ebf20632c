//! Generates the operations of a writer at random.

use std::time::Duration;

use cqrs_core::{EventId, ExpectedVersion, Version};
use fastrand::Rng;

use super::operation::{Operation, OwnStream, StreamRequest, UnitEnd, UnitPlan, Wait};
use crate::{ids::StreamNumber, run_state::RunState};

pub(super) struct Generator(Rng);

impl Generator {
    pub(super) fn new(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    pub(super) fn operation(&mut self, state: &RunState, own: OwnStream) -> Operation {
        match self.0.u8(..100) {
            0..66 => Operation::Append(vec![self.one_stream(state, own)]),
            66..74 => Operation::Append(self.several_streams(state, own)),
            74..80 => Operation::AppendTwice(self.several_streams(state, own)),
            80..82 => Operation::Repeat,
            _ => Operation::Unit(self.unit(state, own)),
        }
    }

    /// The time after which the caller abandons an append, if it does: about the time that an append takes, so that some are
    /// abandoned before, some during and some after it.
    pub(super) fn abandoned_after(&mut self) -> Option<Duration> {
        self.one_in(40).then(|| self.short_time())
    }

    /// A unit of work that the server may end, because it waits for long after its append.
    pub(super) fn slow_unit(&mut self, own: OwnStream) -> UnitPlan {
        let wait = Wait {
            commits: u64::MAX,
            time_limit: Duration::from_millis(self.0.u64(300..4_000)),
        };
        UnitPlan {
            requests: vec![self.own_stream(own)],
            abandoned_begin: None,
            early: None,
            reads_first: false,
            undoes_first: false,
            wait: Some(wait),
            prepared: false,
            end: if self.one_in(3) {
                UnitEnd::Rollback
            } else {
                UnitEnd::Commit
            },
        }
    }

    /// The time between two slow units of work.
    pub(super) fn pause(&mut self) -> Duration {
        Duration::from_millis(self.0.u64(1_000..6_000))
    }

    /// A time to wait after this many failures in a row: random, with a limit that doubles each time, up to a maximum.
    pub(super) fn back_off(&mut self, failures: u32) -> Duration {
        let max = 4_u64 << failures.min(7);
        Duration::from_millis(self.0.u64(1..=max))
    }

    /// An index below `count`; 0 if `count` is 0.
    pub(super) fn index(&mut self, count: usize) -> usize {
        self.0.usize(..count.max(1))
    }

    fn one_in(&mut self, times: u8) -> bool {
        self.0.u8(..times) == 0
    }

    fn unit(&mut self, state: &RunState, own: OwnStream) -> UnitPlan {
        let requests = self.several_streams(state, own);
        let is_cold = !requests.iter().any(|request| request.stream.is_hot());
        let end = match self.0.u8(..100) {
            0..75 => UnitEnd::Commit,
            75..80 => UnitEnd::AbandonedCommit(self.short_time()),
            80..92 => UnitEnd::Rollback,
            _ => UnitEnd::Drop,
        };
        // Holding a hot stream during a wait makes all writers wait, so it is rare.
        let one_wait_in = if is_cold { 3 } else { 20 };
        UnitPlan {
            abandoned_begin: self.one_in(40).then(|| self.short_time() / 8),
            early: self.one_in(4).then(|| self.wait()),
            reads_first: is_cold && self.one_in(3),
            undoes_first: self.one_in(8),
            wait: self.one_in(one_wait_in).then(|| self.wait()),
            prepared: self.one_in(8),
            requests,
            end,
        }
    }

    fn one_stream(&mut self, state: &RunState, own: OwnStream) -> StreamRequest {
        if self.one_in(2) {
            self.hot_stream(state)
        } else {
            self.own_stream(own)
        }
    }

    /// One to three streams. Some are read-only participants, sometimes all of them. Together they have at most as many
    /// events as an append may have.
    fn several_streams(&mut self, state: &RunState, own: OwnStream) -> Vec<StreamRequest> {
        let mut requests = vec![self.own_stream(own)];
        for _ in 0..self.0.u8(..3) {
            let mut request = self.hot_stream(state);
            let max = if self.one_in(3) { 0 } else { 2 };
            request.events = request.events.min(max);
            if requests.iter().all(|other| other.stream != request.stream) {
                requests.push(request);
            }
        }
        if self.one_in(10) {
            requests[0].events = 0;
        }
        self.0.shuffle(&mut requests);
        requests
    }

    /// A stream that all writers write to: one of the first 1, 2, 4, .. or 128, so low numbers are busier.
    fn hot_stream(&mut self, state: &RunState) -> StreamRequest {
        let exponent = self.0.u32(0..=StreamNumber::HOT.ilog2());
        let stream = StreamNumber(self.0.u32(0..1 << exponent));
        let min_version = state.version(stream);
        let expected = match self.0.u8(..10) {
            0..4 => ExpectedVersion::Exact(Version::new(min_version)),
            4 if min_version > 0 => ExpectedVersion::StreamExists,
            5 => ExpectedVersion::NoStream,
            6 if self.one_in(4) => {
                ExpectedVersion::LastEvent(Version::new(min_version), EventId::random())
            }
            _ => ExpectedVersion::Any,
        };
        StreamRequest {
            stream,
            expected,
            events: self.0.u8(1..=3),
            min_version,
            own: None,
        }
    }

    fn own_stream(&mut self, own: OwnStream) -> StreamRequest {
        let version = Version::new(own.version);
        let expected = match (self.0.u8(..5), own.last_event) {
            (0, None) => ExpectedVersion::NoStream,
            (0, Some(_)) => ExpectedVersion::StreamExists,
            (1, _) => ExpectedVersion::Any,
            (2 | 3, Some(last)) => ExpectedVersion::LastEvent(version, last),
            _ => ExpectedVersion::Exact(version),
        };
        StreamRequest {
            stream: own.stream,
            expected,
            events: self.0.u8(1..=3),
            min_version: own.version,
            own: Some(own),
        }
    }

    fn wait(&mut self) -> Wait {
        Wait {
            commits: self.0.u64(1..=40),
            time_limit: Duration::from_millis(200),
        }
    }

    fn short_time(&mut self) -> Duration {
        Duration::from_micros(self.0.u64(..4_000))
    }
}
