//! A client: takes its steps one after the other, calls the store, and writes down what it saw.

use std::sync::Arc;

use super::{
    super::{
        history::{Answer, Call, Operation, Participant, Stream},
        program::{Expects, From, Step, Target, Task, Way},
    },
    answers::{self, AppendAnswer},
    scene::Scene,
};
use crate::{EventStore, ExpectedVersion, Version};

pub(super) struct Client<S> {
    number: usize,
    store: S,
    scene: Arc<Scene>,
    /// The version of each stream as this client has seen it last.
    seen: Vec<Version>,
    operations: Vec<Operation>,
}

/// When a call began and when it ended.
type Times = (usize, usize);

impl<S: EventStore> Client<S> {
    pub(super) fn new(number: usize, store: S, scene: Arc<Scene>) -> Self {
        let seen = vec![Version::EMPTY; scene.streams()];
        Self {
            number,
            store,
            scene,
            seen,
            operations: Vec::new(),
        }
    }

    /// Waits for the others, then takes its steps.
    pub(super) async fn run(mut self, steps: Vec<Step>) -> Vec<Operation> {
        self.scene.start().await;
        for Step { pause, task } in steps {
            give_way(pause).await;
            match task {
                Task::Read { of, from } => self.read(of, from).await,
                Task::Append { to, way } => {
                    let to = to.iter().map(|target| self.participant(target)).collect();
                    self.append(to, way, pause).await;
                }
            }
        }
        self.operations
    }

    fn participant(&self, target: &Target) -> Participant {
        let seen = self.seen[target.stream.0];
        let expected = match target.expects {
            Expects::Anything => ExpectedVersion::Any,
            Expects::NoStream => ExpectedVersion::NoStream,
            Expects::StreamExists => ExpectedVersion::StreamExists,
            Expects::LastSeen => ExpectedVersion::Exact(seen),
            Expects::OneMore => ExpectedVersion::Exact(seen.plus(1)),
            Expects::OneLess => ExpectedVersion::Exact(Version::new(seen.get().saturating_sub(1))),
        };
        Participant {
            stream: target.stream,
            expected,
            events: self.scene.new_events(target.events),
        }
    }

    async fn read(&mut self, of: Stream, from: From) {
        let after = match from {
            From::Start => Version::EMPTY,
            From::LastSeen => self.seen[of.0],
        };
        let call = self.store.read_stream(self.scene.id(of), after);
        let (times, result) = self.timed(call).await;
        let answer = answers::of_read(&self.scene, result);
        if let Answer::Given(events) = &answer {
            self.seen[of.0] = events.last().map_or(after, |(version, _)| *version);
        }
        self.record("read_stream", times, Call::Read { of, after, answer });
    }

    async fn append(&mut self, to: Vec<Participant>, way: Way, pause: usize) {
        match (way, to.as_slice()) {
            (Way::Call, [_]) => self.append_alone(to).await,
            (Way::Call | Way::Transaction, _) => self.append_in_transaction(to, pause).await,
        }
    }

    async fn append_alone(&mut self, to: Vec<Participant>) {
        let append = self.scene.appends(&to).remove(0);
        let (times, result) = self.timed(self.store.append(append)).await;
        let answer = answers::of_append(&self.scene, result.map(|appended| vec![appended]));
        self.record_append("append", times, to, answer);
    }

    /// Two operations. What `append_in` answers is a look at the streams, since nothing is promised before the commit;
    /// and the commit is an append to streams that are still where they were seen.
    async fn append_in_transaction(&mut self, to: Vec<Participant>, pause: usize) {
        let appends = self.scene.appends(&to);
        let (times, begun) = self.timed(self.store.begin()).await;
        let mut transaction = match begun {
            Ok(transaction) => transaction,
            Err(error) => return self.record_append("begin", times, to, answers::of_error(&error)),
        };
        let staging = self.store.append_in(&mut transaction, &appends);
        let (times, result) = self.timed(staging).await;
        let seen = answers::before(&to, answers::of_append(&self.scene, result));
        self.record_append("append_in", times, without_events(&to), seen.clone());
        let Answer::Given(Ok(seen)) = seen else {
            // What is not committed is not there, whether the rollback is answered or not.
            let _ = self.store.rollback(transaction).await;
            return;
        };
        give_way(pause).await;
        let (times, result) = self.timed(self.store.commit(transaction)).await;
        let after = answers::after(&to, &seen);
        let answer = answers::of_write(&self.scene, result.map(|()| after));
        let to = expecting(to, &seen);
        self.record_append("commit", times, to, answer);
    }

    async fn timed<T>(&self, call: impl Future<Output = T>) -> (Times, T) {
        let invoked = self.scene.now();
        let result = call.await;
        ((invoked, self.scene.now()), result)
    }

    fn record_append(
        &mut self,
        function: &'static str,
        times: Times,
        to: Vec<Participant>,
        answer: AppendAnswer,
    ) {
        match &answer {
            Answer::Given(Ok(versions)) => {
                for (participant, version) in to.iter().zip(versions) {
                    self.seen[participant.stream.0] = *version;
                }
            }
            Answer::Given(Err(refusal)) => {
                if let Some(seen) = self.seen.get_mut(refusal.stream.0) {
                    *seen = refusal.actual;
                }
            }
            Answer::Failed(_) | Answer::Unknown => {}
        }
        self.record(function, times, Call::Append { to, answer });
    }

    fn record(&mut self, function: &'static str, (invoked, returned): Times, call: Call) {
        self.operations.push(Operation {
            client: self.number,
            function,
            invoked,
            returned,
            call,
        });
    }
}

fn without_events(to: &[Participant]) -> Vec<Participant> {
    let only_guarded = |participant: &Participant| Participant {
        events: Vec::new(),
        ..participant.clone()
    };
    to.iter().map(only_guarded).collect()
}

fn expecting(to: Vec<Participant>, seen: &[Version]) -> Vec<Participant> {
    let at_seen = |(participant, version): (Participant, &Version)| Participant {
        expected: ExpectedVersion::Exact(*version),
        ..participant
    };
    to.into_iter().zip(seen).map(at_seen).collect()
}

/// Lets the other clients go first, so many times.
async fn give_way(times: usize) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}
