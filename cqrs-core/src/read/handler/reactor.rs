//! The handler for reactors. For each batch it reads the target streams once and appends to them once.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::SystemTime,
};

use async_trait::async_trait;

use super::{Handler, IntoHandler, envelopes, role};
use crate::{
    codec::CodecError,
    model::{
        Envelope, EventFilter, InvalidName, Limits, Metadata, RecordedEvent, RoleKind, StreamId,
    },
    ports::{BoxError, EventStore},
    roles::{Events, HandlerError, OnRejected, Reactor, Rejection},
    write::{
        participants::{self, NotDecided, Participants},
        request::DecisionInput,
    },
};

/// The most `Instead` answers for each command that `react` returned for an event.
const MAX_INSTEAD: usize = 100;

/// Executes a reactor's commands. Runners create it: use it to name their type, as in [`LogRunner`](crate::read::LogRunner).
#[derive(Debug)]
pub struct ReactorHandler<R>(R);

impl<S: EventStore, R: Reactor> IntoHandler<S, role::Reactor> for R {
    type Handler = ReactorHandler<R>;

    fn into_handler(self) -> ReactorHandler<R> {
        ReactorHandler(self)
    }
}

/// An event and the commands that follow from it.
struct Reaction<R: Reactor> {
    event: Envelope<R::Events>,
    commands: VecDeque<R::Commands>,
    /// How often commands may still be sent instead of a rejected one.
    instead_left: usize,
}

impl<R: Reactor> Reaction<R> {
    fn new(event: Envelope<R::Events>, commands: Vec<R::Commands>) -> Self {
        Self {
            event,
            instead_left: commands.len().saturating_mul(MAX_INSTEAD),
            commands: commands.into(),
        }
    }

    fn targets(&self) -> Result<BTreeSet<StreamId>, HandlerError> {
        let mut targets = BTreeSet::new();
        for commands in &self.commands {
            let next = participants::targets(commands);
            targets.append(&mut next.map_err(|error| self.invalid_target(error))?.all);
        }
        Ok(targets)
    }

    /// The time and metadata of its commands: the current time, and metadata that names the event as the cause.
    fn input(&self, limits: Limits) -> DecisionInput {
        let recorded = &self.event.recorded;
        DecisionInput {
            now: SystemTime::now(),
            metadata: Metadata::inherited(recorded.id, &recorded.metadata, limits),
        }
    }

    fn invalid_target(&self, source: InvalidName) -> HandlerError {
        let reactor = R::NAME;
        self.poison(ReactionError::InvalidTarget { reactor, source })
    }

    /// Sends `commands` next, instead of the rejected one.
    fn send_instead(
        &mut self,
        commands: Vec<R::Commands>,
        source: Rejection,
    ) -> Result<(), HandlerError> {
        let reactor = R::NAME;
        match self.instead_left.checked_sub(1) {
            Some(left) => self.instead_left = left,
            None => return Err(self.poison(ReactionError::Endless { reactor, source })),
        }
        for commands in commands.into_iter().rev() {
            self.commands.push_front(commands);
        }
        Ok(())
    }

    fn rejected(&self, source: Rejection) -> HandlerError {
        let reactor = R::NAME;
        self.poison(ReactionError::Rejected { reactor, source })
    }

    fn poison(&self, reason: impl Into<BoxError>) -> HandlerError {
        HandlerError::poison(self.event.recorded.id, reason)
    }
}

/// An event that a reactor cannot handle.
#[derive(Debug, thiserror::Error)]
enum ReactionError {
    #[error("{reactor} sends a command to an aggregate with an invalid id")]
    InvalidTarget {
        reactor: &'static str,
        source: InvalidName,
    },
    #[error("a command of {reactor} was rejected")]
    Rejected {
        reactor: &'static str,
        source: Rejection,
    },
    #[error(
        "{reactor} answered Instead more than {MAX_INSTEAD} times for each command of this event; let rejected return Fail or \
         Ignore"
    )]
    Endless {
        reactor: &'static str,
        source: Rejection,
    },
}

impl<R: Reactor> ReactorHandler<R> {
    fn react(&self, batch: &[RecordedEvent]) -> Result<Vec<Reaction<R>>, HandlerError> {
        let reaction = |event| {
            let commands = self.0.react(&event);
            Reaction::new(event, commands)
        };
        Ok(envelopes(batch)?.into_iter().map(reaction).collect())
    }

    /// Decides the commands of one event in order. Commands that the reactor sends instead of a rejected one come next.
    async fn decide<S: EventStore>(
        &self,
        store: &S,
        transaction: &mut S::Transaction,
        mut reaction: Reaction<R>,
        participants: &mut Participants,
    ) -> Result<(), HandlerError> {
        let input = reaction.input(store.size_limits());
        while let Some(commands) = reaction.commands.pop_front() {
            let rejection = match participants.decide(&commands, &input) {
                Ok(()) => continue,
                Err(NotDecided::Store(error)) if error.is_retryable() => return Err(error.into()),
                Err(NotDecided::Store(error)) => {
                    return Err(HandlerError::unreadable(reaction.event.recorded.id, error));
                }
                Err(NotDecided::Rejected(rejection)) => rejection,
            };
            match self.0.rejected(&reaction.event, &rejection) {
                OnRejected::Ignore => {}
                OnRejected::Fail => return Err(reaction.rejected(rejection)),
                OnRejected::Instead(commands) => {
                    reaction.send_instead(commands, rejection)?;
                    // Without it a long chain would neither stop nor let other tasks run.
                    tokio::task::yield_now().await;
                    read(store, transaction, reaction.targets()?, participants).await?;
                }
            }
        }
        Ok(())
    }
}

/// Locks and reads the streams that the batch has not read yet.
async fn read<S: EventStore>(
    store: &S,
    transaction: &mut S::Transaction,
    streams: BTreeSet<StreamId>,
    participants: &mut Participants,
) -> Result<(), HandlerError> {
    let missing = participants.missing(streams);
    if missing.is_empty() {
        return Ok(());
    }
    let events = store.read_streams_in(transaction, &missing).await?;
    let mut histories: BTreeMap<_, Vec<_>> = missing
        .into_iter()
        .map(|stream| (stream, Vec::new()))
        .collect();
    for event in events {
        if let Some(history) = histories.get_mut(&event.stream) {
            history.push(event);
        }
    }
    for (stream, history) in histories {
        participants.add(stream, history);
    }
    Ok(())
}

#[async_trait]
impl<S: EventStore, R: Reactor> Handler<S> for ReactorHandler<R> {
    fn role(&self) -> Option<RoleKind> {
        Some(RoleKind::Reactor)
    }

    fn subscription(&self) -> &str {
        R::NAME
    }

    fn reads(&self) -> Result<Vec<EventFilter>, CodecError> {
        R::Events::reads()
    }

    fn ignores(&self) -> Vec<EventFilter> {
        R::Events::ignores()
    }

    /// Every target stays locked until the transaction ends, and a server has room for a few thousand locks.
    fn largest_batch(&self) -> usize {
        500
    }

    async fn handle(
        &self,
        store: &S,
        transaction: &mut S::Transaction,
        batch: &[RecordedEvent],
    ) -> Result<(), HandlerError> {
        let reactions = self.react(batch)?;
        let mut targets = BTreeSet::new();
        for reaction in &reactions {
            targets.extend(reaction.targets()?);
        }
        let mut participants = Participants::default();
        read(store, transaction, targets, &mut participants).await?;
        for reaction in reactions {
            self.decide(store, transaction, reaction, &mut participants)
                .await?;
        }
        let appends = participants.into_changes();
        if !appends.is_empty() {
            store.append_in(transaction, appends.into()).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
