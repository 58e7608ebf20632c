//! What a reactor sends: commands to one aggregate, or a union of them.

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::SystemTime,
};

use crate::{
    codec,
    model::{
        Context, Event, ExpectedVersion, InvalidName, Metadata, NewEvent, RecordedEvent, StreamId,
        Version,
    },
    ports::{Append, StoreError, StoreErrorKind},
    roles::aggregate::Aggregate,
};

/// One command to one aggregate.
pub struct To<A: Aggregate> {
    /// The aggregate's id.
    pub id: String,
    /// The command.
    pub command: A::Command,
}

impl<A: Aggregate> To<A> {
    /// Sends `command` to the aggregate called `id`.
    #[must_use]
    pub fn new(id: impl Into<String>, command: A::Command) -> Self {
        Self {
            id: id.into(),
            command,
        }
    }
}

// Derives would ask the same of `A` itself, which needs none of it.
impl<A: Aggregate> Clone for To<A> {
    fn clone(&self) -> Self {
        Self {
            id: self.id.clone(),
            command: self.command.clone(),
        }
    }
}

impl<A: Aggregate<Command: fmt::Debug>> fmt::Debug for To<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("To")
            .field("id", &self.id)
            .field("command", &self.command)
            .finish()
    }
}

impl<A: Aggregate<Command: PartialEq>> PartialEq for To<A> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.command == other.command
    }
}

/// A command that its aggregate refused, as its sender sees it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{stream} refused a command: {reason}")]
pub struct Rejection {
    /// Who refused.
    pub stream: StreamId,
    /// The aggregate's error, in words.
    pub reason: String,
}

/// Why a command brought no events about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Dispatch {
    /// The aggregate refused it.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The stream could not be read or the events not be encoded.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// [`To`] one aggregate, or a union declared with [`commands!`](crate::commands).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no command to aggregates",
    note = "use `To<YourAggregate>`, or declare a union: commands! {{ enum {Self} {{ .. }} }}"
)]
pub trait Commands: Sized + Send + Sync + 'static {
    /// The stream it is for.
    ///
    /// # Errors
    /// When the id is not a valid name.
    fn target(&self) -> Result<StreamId, InvalidName>;

    /// Decides on the state that the batch has brought the aggregate to, and adds the events to the batch.
    ///
    /// # Errors
    /// The aggregate's refusal, or a stream that cannot be read.
    fn decide(self, decisions: &mut Decisions, cause: &RecordedEvent) -> Result<(), Dispatch>;
}

impl<A: Aggregate> Commands for To<A> {
    fn target(&self) -> Result<StreamId, InvalidName> {
        StreamId::of::<A::Event>(&self.id)
    }

    fn decide(self, decisions: &mut Decisions, cause: &RecordedEvent) -> Result<(), Dispatch> {
        let stream = self.target().map_err(StoreError::from)?;
        decisions.decide::<A>(&stream, self.command, cause)
    }
}

/// The decisions of one batch: every target is read once, decides as often as it is asked, and is appended to once.
#[derive(Debug, Default)]
pub struct Decisions {
    targets: BTreeMap<StreamId, Target>,
}

/// One stream in a batch.
#[derive(Default)]
struct Target {
    history: Vec<RecordedEvent>,
    read: Version,
    /// The aggregate, once it was asked for. A stream has one kind of aggregate, whose type only the command knows.
    state: Option<Box<dyn Any + Send>>,
    events: Vec<NewEvent>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("read", &self.read)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

impl Decisions {
    /// Those of `streams` that have not been read yet, sorted.
    pub(crate) fn missing(&self, streams: BTreeSet<StreamId>) -> Vec<StreamId> {
        streams
            .into_iter()
            .filter(|stream| !self.targets.contains_key(stream))
            .collect()
    }

    /// Takes what was read of `streams`.
    pub(crate) fn load(&mut self, streams: Vec<StreamId>, events: Vec<RecordedEvent>) {
        self.targets.extend(
            streams
                .into_iter()
                .map(|stream| (stream, Target::default())),
        );
        for event in events {
            if let Some(target) = self.targets.get_mut(&event.stream) {
                target.read = event.version;
                target.history.push(event);
            }
        }
    }

    fn decide<A: Aggregate>(
        &mut self,
        stream: &StreamId,
        command: A::Command,
        cause: &RecordedEvent,
    ) -> Result<(), Dispatch> {
        let target = self
            .targets
            .get_mut(stream)
            .ok_or_else(|| not_read(stream))?;
        let version = target.read.plus(target.events.len() as u64);
        let state = target.state::<A>()?;
        let context = Context {
            id: stream.shared_id(),
            version,
            now: SystemTime::now(),
            metadata: Metadata::caused_by(cause),
        };
        let events = state.handle(command, &context).map_err(|error| Rejection {
            stream: stream.clone(),
            reason: error.to_string(),
        })?;
        let encoded = events
            .iter()
            .map(|event| NewEvent::encode(event, context.metadata.clone()));
        let encoded = encoded
            .collect::<Result<Vec<_>, _>>()
            .map_err(StoreError::from)?;
        events.into_iter().for_each(|event| state.apply(event));
        target.events.extend(encoded);
        Ok(())
    }

    /// One append for each stream that something happened to, in stream order.
    pub(crate) fn into_appends(self) -> Vec<Append> {
        let changed = self
            .targets
            .into_iter()
            .filter(|(_, target)| !target.events.is_empty());
        changed
            .map(|(stream, Target { read, events, .. })| Append {
                stream,
                expected: ExpectedVersion::Exact(read),
                events,
            })
            .collect()
    }
}

impl Target {
    fn state<A: Aggregate>(&mut self) -> Result<&mut A, StoreError> {
        if self.state.is_none() {
            let mut state = A::default();
            for recorded in self.history.drain(..) {
                let event = codec::decode(&recorded.event_type, &recorded.payload);
                state.apply(
                    event.map_err(|error| StoreError::undecodable::<A::Event>(&recorded, error))?,
                );
            }
            self.state = Some(Box::new(state));
        }
        self.state
            .as_mut()
            .and_then(|state| state.downcast_mut())
            .ok_or_else(two_kinds::<A>)
    }
}

fn not_read(stream: &StreamId) -> StoreError {
    StoreError::new(
        StoreErrorKind::Other,
        format!("{stream} was not read for this batch: `target` must name it"),
    )
}

fn two_kinds<A: Aggregate>() -> StoreError {
    let category = A::Event::CATEGORY;
    let message = format!(
        "two kinds of aggregate share the category {category:?}; give each a category of its own"
    );
    StoreError::new(StoreErrorKind::InvalidInput, message)
}

/// Declares a union of commands, for a reactor that speaks to several kinds of aggregate.
///
/// `commands! { enum Both { Account(Account), Bonus(Bonus) } }` names the *aggregates*; a `To<Account>` becomes a `Both`
/// with `.into()`.
#[macro_export]
macro_rules! commands {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident($aggregate:ty)),+ $(,)? }) => {
        $(#[$meta])*
        $vis enum $name { $($(#[$variant_meta])* $variant($crate::To<$aggregate>)),+ }

        impl $crate::Commands for $name {
            fn target(&self) -> ::core::result::Result<$crate::StreamId, $crate::InvalidName> {
                match self { $(Self::$variant(to) => to.target()),+ }
            }

            fn decide(
                self,
                decisions: &mut $crate::Decisions,
                cause: &$crate::RecordedEvent,
            ) -> ::core::result::Result<(), $crate::Dispatch> {
                match self { $(Self::$variant(to) => to.decide(decisions, cause)),+ }
            }
        }

        $(
            impl ::core::convert::From<$crate::To<$aggregate>> for $name {
                fn from(to: $crate::To<$aggregate>) -> Self {
                    Self::$variant(to)
                }
            }
        )+
    };
}
