//! Small concurrent programs, generated and shrunk by proptest.

use proptest::{collection::vec, prelude::*};

use super::history::{Key, Stream};

/// The steps of several concurrent clients.
#[derive(Debug, Clone)]
pub(super) struct Program {
    /// The number of streams.
    pub(super) streams: usize,
    /// The steps of each client.
    pub(super) clients: Vec<Vec<Step>>,
}

/// One step of a client, after it has yielded `pause` times to the others.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) pause: usize,
    pub(super) task: Task,
}

#[derive(Debug, Clone)]
pub(super) enum Task {
    Read {
        of: Stream,
        after: ReadStart,
        function: ReadFunction,
    },
    Append {
        to: Vec<Target>,
        key: Option<Key>,
        way: AppendMethod,
    },
    /// Looks up the appends under a key.
    Lookup { key: Key },
}

/// The version after which a read starts.
#[derive(Debug, Clone, Copy)]
pub(super) enum ReadStart {
    Nothing,
    /// The version that the client saw last.
    LastSeen,
}

/// The function of the port for a read.
#[derive(Debug, Clone, Copy)]
pub(super) enum ReadFunction {
    ReadStream,
    Replay,
}

/// The way to make an append.
#[derive(Debug, Clone, Copy)]
pub(super) enum AppendMethod {
    /// In one call.
    Call,
    /// Within a transaction that is then committed.
    Transaction,
    /// Within a transaction that has first read the streams.
    TransactionThatReads,
}

/// The part of an append for one stream.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) stream: Stream,
    pub(super) expects: Expects,
    pub(super) events: usize,
}

/// The expectation of a client, relative to the version that it saw last.
#[derive(Debug, Clone, Copy)]
pub(super) enum Expects {
    Anything,
    LastSeen,
    /// The version last seen and its event.
    LastSeenEvent,
    /// The version last seen and another event.
    OtherEvent,
    NoStream,
    StreamExists,
    OneMore,
    OneLess,
}

impl Program {
    /// The number of steps of all clients.
    pub(super) fn steps(&self) -> usize {
        self.clients.iter().map(Vec::len).sum()
    }

    /// Limits the steps to `streams` streams, each at most once in an append.
    fn over(streams: usize, mut clients: Vec<Vec<Step>>) -> Self {
        let within = |stream: &mut Stream| stream.0 %= streams;
        for step in clients.iter_mut().flatten() {
            match &mut step.task {
                Task::Read { of, .. } => within(of),
                Task::Lookup { .. } => {}
                Task::Append { to, .. } => {
                    to.iter_mut().for_each(|target| within(&mut target.stream));
                    let mut seen = Vec::new();
                    to.retain(|target| {
                        let new = !seen.contains(&target.stream);
                        seen.push(target.stream);
                        new
                    });
                }
            }
        }
        Self { streams, clients }
    }
}

const MOST_STREAMS: usize = 3;

/// 2 to 4 clients on 1 to 3 streams, with 1 to 6 steps each.
pub(super) fn programs() -> impl Strategy<Value = Program> {
    let clients = vec(vec(step(), 1..=6), 2..=4);
    (1..=MOST_STREAMS, clients).prop_map(|(streams, clients)| Program::over(streams, clients))
}

fn step() -> impl Strategy<Value = Step> {
    let task = prop_oneof![6 => read(), 12 => append(), 1 => lookup()];
    (0..3_usize, task).prop_map(|(pause, task)| Step { pause, task })
}

fn read() -> impl Strategy<Value = Task> {
    let after = prop_oneof![Just(ReadStart::Nothing), Just(ReadStart::LastSeen)];
    let function = prop_oneof![Just(ReadFunction::ReadStream), Just(ReadFunction::Replay)];
    (stream(), after, function).prop_map(|(of, after, function)| Task::Read {
        of,
        after,
        function,
    })
}

fn append() -> impl Strategy<Value = Task> {
    let way = prop_oneof![
        4 => Just(AppendMethod::Call),
        1 => Just(AppendMethod::Transaction),
        1 => Just(AppendMethod::TransactionThatReads),
    ];
    let key = prop_oneof![3 => Just(None), 1 => key().prop_map(Some)];
    let to = vec(target(), 1..=MOST_STREAMS);
    (to, key, way).prop_map(|(to, key, way)| Task::Append { to, key, way })
}

fn lookup() -> impl Strategy<Value = Task> {
    key().prop_map(|key| Task::Lookup { key })
}

/// Few keys, so that clients share them, and seldom with another command.
fn key() -> impl Strategy<Value = Key> {
    let command = prop_oneof![4 => Just(0), 1 => Just(1)];
    (0..2_usize, command).prop_map(|(number, command)| Key { number, command })
}

fn target() -> impl Strategy<Value = Target> {
    let expects = prop_oneof![
        2 => Just(Expects::Anything),
        3 => Just(Expects::LastSeen),
        1 => Just(Expects::LastSeenEvent),
        1 => Just(Expects::OtherEvent),
        1 => Just(Expects::NoStream),
        1 => Just(Expects::StreamExists),
        1 => Just(Expects::OneMore),
        1 => Just(Expects::OneLess),
    ];
    let events = prop_oneof![1 => Just(0), 4 => 1..=3_usize];
    (stream(), expects, events).prop_map(|(stream, expects, events)| Target {
        stream,
        expects,
        events,
    })
}

fn stream() -> impl Strategy<Value = Stream> {
    (0..MOST_STREAMS).prop_map(Stream)
}
