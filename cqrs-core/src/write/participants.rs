//! Several aggregates in one decision: each is read once, decides all its commands, and is appended to once.
//!
//! Reactors use it for a batch of events, `execute_all` for a request.

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{
    model::{Context, Event, ExpectedVersion, InvalidName, NewEvent, StreamId, Version},
    ports::{Append, StoreError, StoreErrorKind},
    roles::{Aggregate, Check, CommandVisitor, Commands, Rejection, To},
    write::{
        decision::Decided,
        history::{History, needs_recording},
        loaded::Loaded,
        request::DecisionInput,
    },
};

/// The aggregates of one decision, by stream.
#[derive(Debug, Default)]
pub(crate) struct Participants(BTreeMap<StreamId, Participant>);

/// One aggregate of the decision.
#[derive(Debug)]
struct Participant {
    /// The expectation of its append: the last event that was read.
    expected: ExpectedVersion,
    version: Version,
    state: State,
    new: Vec<NewEvent>,
}

/// The state of a participant. Its type is known only once a command or a check names it.
enum State {
    History(History),
    Built(Box<dyn Any + Send>),
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::History(history) => f.debug_tuple("History").field(history).finish(),
            Self::Built(_) => f.debug_tuple("Built").finish_non_exhaustive(),
        }
    }
}

/// Commands that were not decided.
#[derive(Debug)]
pub(crate) enum NotDecided {
    /// A command was rejected, or a check did not hold.
    Rejected(Rejection),
    /// An event cannot be decoded or encoded, or a command is not valid.
    Store(StoreError),
}

impl From<StoreError> for NotDecided {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The streams that `commands` are for.
pub(crate) fn targets(commands: &impl Commands) -> Result<Targets, InvalidName> {
    let mut targets = Targets::default();
    commands.visit(&mut targets)?;
    Ok(targets)
}

/// The streams of a set of commands.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    pub(crate) all: BTreeSet<StreamId>,
    /// Those that get a command; the others are only checked.
    pub(crate) commanded: BTreeSet<StreamId>,
    /// Those whose upcasters read how an event was recorded.
    pub(crate) read_whole: BTreeSet<StreamId>,
}

impl Targets {
    fn add<A: Aggregate>(&mut self, id: &str) -> Result<StreamId, InvalidName> {
        let stream = StreamId::of::<A::Event>(id)?;
        if needs_recording::<A::Event>() {
            self.read_whole.insert(stream.clone());
        }
        self.all.insert(stream.clone());
        Ok(stream)
    }
}

impl CommandVisitor for Targets {
    type Error = InvalidName;

    fn command<A: Aggregate>(&mut self, to: &To<A>) -> Result<(), InvalidName> {
        let stream = self.add::<A>(&to.id)?;
        self.commanded.insert(stream);
        Ok(())
    }

    fn check<A: Aggregate>(&mut self, check: &Check<A>) -> Result<(), InvalidName> {
        self.add::<A>(&check.id)?;
        Ok(())
    }
}

impl Participants {
    /// The streams that were not added yet, sorted.
    pub(crate) fn missing(&self, streams: BTreeSet<StreamId>) -> Vec<StreamId> {
        streams
            .into_iter()
            .filter(|stream| !self.0.contains_key(stream))
            .collect()
    }

    /// Adds a stream with all its events.
    pub(crate) fn add(&mut self, stream: StreamId, history: impl Into<History>) {
        let history = history.into();
        let last = history.last();
        let participant = Participant {
            expected: last.map_or(ExpectedVersion::NoStream, |(version, id)| {
                ExpectedVersion::LastEvent(version, id)
            }),
            version: last.map_or(Version::EMPTY, |(version, _)| version),
            state: State::History(history),
            new: Vec::new(),
        };
        self.0.insert(stream, participant);
    }

    /// Decides `commands` in order, each on the state after the commands before it. Stops at the first rejection; the
    /// rejected command changes nothing.
    pub(crate) fn decide(
        &mut self,
        commands: &impl Commands,
        input: &DecisionInput,
    ) -> Result<(), NotDecided> {
        commands.visit(&mut Deciding {
            participants: self,
            input,
            visited: 0,
        })
    }

    /// Whether no command resulted in an event.
    pub(crate) fn unchanged(&self) -> bool {
        self.0
            .values()
            .all(|participant| participant.new.is_empty())
    }

    /// One append for each stream with new events, in stream order.
    pub(crate) fn into_changes(self) -> Vec<Append> {
        let appends = self.into_appends().into_iter();
        appends.filter(|append| !append.events.is_empty()).collect()
    }

    /// One append for each stream, in stream order. A stream without new events is a read-only participant.
    pub(crate) fn into_appends(self) -> Vec<Append> {
        let append = |(stream, Participant { expected, new, .. })| Append {
            stream,
            expected,
            events: new,
        };
        self.0.into_iter().map(append).collect()
    }

    fn of<A: Aggregate>(&mut self, id: &str) -> Result<(StreamId, &mut Participant), StoreError> {
        let stream = StreamId::of::<A::Event>(id)?;
        match self.0.get_mut(&stream) {
            Some(participant) => Ok((stream, participant)),
            None => Err(not_read(&stream)),
        }
    }
}

/// Decides the commands that it visits.
struct Deciding<'a> {
    participants: &'a mut Participants,
    input: &'a DecisionInput,
    visited: usize,
}

impl Deciding<'_> {
    fn rejected(
        &self,
        stream: StreamId,
        error: impl std::error::Error + Send + Sync + 'static,
    ) -> NotDecided {
        NotDecided::Rejected(Rejection::new(stream, error).command(self.visited))
    }
}

/// The same error, with the command that it is about.
fn undecided(command: usize, stream: &StreamId, error: StoreError) -> StoreError {
    let message = format!("command {command} to {stream} cannot be decided");
    StoreError::new(error.kind(), message).caused_by(error)
}

impl CommandVisitor for Deciding<'_> {
    type Error = NotDecided;

    fn command<A: Aggregate>(&mut self, to: &To<A>) -> Result<(), NotDecided> {
        self.visited += 1;
        let number = self.visited;
        let (stream, participant) = self.participants.of::<A>(&to.id)?;
        let undecided = |error| undecided(number, &stream, error);
        let context = Context {
            id: stream.shared_id(),
            version: participant.version,
            now: self.input.now,
            metadata: self.input.metadata.clone(),
        };
        let state = participant.state.of::<A>(&stream).map_err(undecided)?;
        let decided = match Decided::by(state, to.command.clone(), &context) {
            Ok(decided) => decided,
            Err(error) => return Err(self.rejected(stream, error)),
        };
        let encoded = decided.encode(&context.metadata).map_err(undecided)?;
        participant.version = participant.version.plus(encoded.new.len() as u64);
        participant.new.extend(encoded.new);
        let events = encoded.decoded.into_iter().map(|(_, event)| event);
        events.for_each(|event| state.apply(event));
        Ok(())
    }

    fn check<A: Aggregate>(&mut self, check: &Check<A>) -> Result<(), NotDecided> {
        self.visited += 1;
        let number = self.visited;
        let (stream, participant) = self.participants.of::<A>(&check.id)?;
        let state = participant.state.of::<A>(&stream);
        match check.holds(state.map_err(|error| undecided(number, &stream, error))?) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.rejected(stream, error)),
        }
    }
}

impl State {
    fn of<A: Aggregate>(&mut self, stream: &StreamId) -> Result<&mut A, StoreError> {
        if let Self::History(history) = self {
            let history = std::mem::take(history);
            let loaded = Loaded::<A>::default().catch_up(stream, history)?;
            *self = Self::Built(Box::new(loaded.state));
        }
        match self {
            Self::Built(state) => state.downcast_mut().ok_or_else(shared_category::<A>),
            Self::History(_) => Err(not_read(stream)),
        }
    }
}

fn not_read(stream: &StreamId) -> StoreError {
    let message = format!(
        "{stream} was not read before its command was decided: `Commands::visit` must visit the same commands each time"
    );
    StoreError::new(StoreErrorKind::Other, message)
}

fn shared_category<A: Aggregate>() -> StoreError {
    let category = A::Event::CATEGORY;
    let message = format!(
        "two types of aggregates share the category {category:?}; give each its own category"
    );
    StoreError::new(StoreErrorKind::InvalidInput, message)
}
