//! Several aggregates in one decision: each is read once, decides as often as it is asked, and is appended to once.
//!
//! Reactors decide a batch of events with it, `execute_all` a request.

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{
    model::{Context, Event, ExpectedVersion, InvalidName, NewEvent, StreamId, Version},
    ports::{Append, PastEvent, StoreError, StoreErrorKind},
    roles::{Aggregate, Check, CommandVisitor, Commands, Rejection, To},
    write::{decision::Decided, loaded::Loaded, request::Circumstances},
};

/// The aggregates that take part, by stream.
#[derive(Debug, Default)]
pub(crate) struct Participants(BTreeMap<StreamId, Participant>);

/// One aggregate that takes part.
#[derive(Debug)]
struct Participant {
    /// What the append expects: the last event that was read.
    expected: ExpectedVersion,
    version: Version,
    state: State,
    new: Vec<NewEvent>,
}

/// The state of a participant. Only a command knows its type; a stream has one kind of aggregate.
enum State {
    Unread(Vec<PastEvent>),
    Of(Box<dyn Any + Send>),
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unread(history) => f.debug_tuple("Unread").field(history).finish(),
            Self::Of(_) => f.debug_tuple("Of").finish_non_exhaustive(),
        }
    }
}

/// Why a command did not bring events about.
#[derive(Debug)]
pub(crate) enum NotDecided {
    /// The `command`th of the set, counted from 1, was rejected.
    Rejected {
        command: usize,
        rejection: Rejection,
    },
    /// A stream cannot be decoded, or an event not be encoded.
    Store(StoreError),
}

impl From<StoreError> for NotDecided {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The streams that `commands` are for.
pub(crate) fn streams(commands: &impl Commands) -> Result<BTreeSet<StreamId>, InvalidName> {
    let mut targets = Targets::default();
    commands.visit(&mut targets)?;
    Ok(targets.0)
}

#[derive(Default)]
struct Targets(BTreeSet<StreamId>);

impl CommandVisitor for Targets {
    type Error = InvalidName;

    fn command<A: Aggregate>(&mut self, to: &To<A>) -> Result<(), InvalidName> {
        self.0.insert(StreamId::of::<A::Event>(&to.id)?);
        Ok(())
    }

    fn check<A: Aggregate>(&mut self, check: &Check<A>) -> Result<(), InvalidName> {
        self.0.insert(StreamId::of::<A::Event>(&check.id)?);
        Ok(())
    }
}

impl Participants {
    /// Those of `streams` that have not been read yet, sorted.
    pub(crate) fn missing(&self, streams: BTreeSet<StreamId>) -> Vec<StreamId> {
        streams
            .into_iter()
            .filter(|stream| !self.0.contains_key(stream))
            .collect()
    }

    /// Adds a stream with everything that was read of it.
    pub(crate) fn add(&mut self, stream: StreamId, history: Vec<PastEvent>) {
        let last = history.last();
        let participant = Participant {
            expected: last.map_or(ExpectedVersion::NoStream, |last| {
                ExpectedVersion::LastEvent(last.version, last.id)
            }),
            version: last.map_or(Version::EMPTY, |last| last.version),
            state: State::Unread(history),
            new: Vec::new(),
        };
        self.0.insert(stream, participant);
    }

    /// Decides `commands` in turn, each on the state that those before it have led to. Stops at the first that is rejected,
    /// which has changed nothing.
    pub(crate) fn decide(
        &mut self,
        commands: &impl Commands,
        circumstances: &Circumstances,
    ) -> Result<(), NotDecided> {
        commands.visit(&mut Deciding {
            participants: self,
            circumstances,
            visited: 0,
        })
    }

    /// Whether nothing happened to any of them.
    pub(crate) fn unchanged(&self) -> bool {
        self.0
            .values()
            .all(|participant| participant.new.is_empty())
    }

    /// One append for each stream that something happened to, in stream order.
    pub(crate) fn into_changes(self) -> Vec<Append> {
        let appends = self.into_appends().into_iter();
        appends.filter(|append| !append.events.is_empty()).collect()
    }

    /// One append for each stream, in stream order. Those without events only guard theirs.
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
    circumstances: &'a Circumstances,
    visited: usize,
}

impl Deciding<'_> {
    fn rejected(
        &self,
        stream: StreamId,
        error: impl std::error::Error + Send + Sync + 'static,
    ) -> NotDecided {
        NotDecided::Rejected {
            command: self.visited,
            rejection: Rejection::new(stream, error),
        }
    }
}

impl CommandVisitor for Deciding<'_> {
    type Error = NotDecided;

    fn command<A: Aggregate>(&mut self, to: &To<A>) -> Result<(), NotDecided> {
        self.visited += 1;
        let (stream, participant) = self.participants.of::<A>(&to.id)?;
        let context = Context {
            id: stream.shared_id(),
            version: participant.version,
            now: self.circumstances.now,
            metadata: self.circumstances.metadata.clone(),
        };
        let state = participant.state.of::<A>(&stream)?;
        let decided = match Decided::by(state, to.command.clone(), &context) {
            Ok(decided) => decided,
            Err(error) => return Err(self.rejected(stream, error)),
        };
        let encoded = decided.encode(&context.metadata)?;
        participant.version = participant.version.plus(encoded.new.len() as u64);
        participant.new.extend(encoded.new);
        let events = encoded.decoded.into_iter().map(|(_, event)| event);
        events.for_each(|event| state.apply(event));
        Ok(())
    }

    fn check<A: Aggregate>(&mut self, check: &Check<A>) -> Result<(), NotDecided> {
        self.visited += 1;
        let (stream, participant) = self.participants.of::<A>(&check.id)?;
        match check.holds(participant.state.of::<A>(&stream)?) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.rejected(stream, error)),
        }
    }
}

impl State {
    fn of<A: Aggregate>(&mut self, stream: &StreamId) -> Result<&mut A, StoreError> {
        if let Self::Unread(history) = self {
            let history = std::mem::take(history);
            let loaded = Loaded::<A>::default().catch_up(stream, history)?;
            *self = Self::Of(Box::new(loaded.state));
        }
        match self {
            Self::Of(state) => state.downcast_mut().ok_or_else(two_kinds::<A>),
            Self::Unread(_) => Err(not_read(stream)),
        }
    }
}

fn not_read(stream: &StreamId) -> StoreError {
    let message = format!(
        "{stream} was not read before its command was decided: `Commands::visit` must hand out the same commands each time"
    );
    StoreError::new(StoreErrorKind::Other, message)
}

fn two_kinds<A: Aggregate>() -> StoreError {
    let category = A::Event::CATEGORY;
    let message = format!(
        "two kinds of aggregate share the category {category:?}; give each a category of its own"
    );
    StoreError::new(StoreErrorKind::InvalidInput, message)
}
