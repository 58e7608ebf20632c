//! A reactor in front of a runner: the streams that a batch's commands are for are read once, and appended to once.

use std::collections::{BTreeSet, VecDeque};

use async_trait::async_trait;

use super::{Handler, IntoHandler, envelopes, role};
use crate::{
    codec::CodecError,
    model::{Envelope, InvalidName, Reads, RecordedEvent, StreamId},
    ports::EventStore,
    roles::{Commands, Decisions, Dispatch, Events, HandlerError, OnRejected, Reactor},
};

/// A reactor in front of a runner.
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
}

impl<R: Reactor> Reaction<R> {
    fn targets(&self) -> Result<Vec<StreamId>, HandlerError> {
        self.commands
            .iter()
            .map(|command| command.target().map_err(|error| self.badly_named(&error)))
            .collect()
    }

    fn badly_named(&self, error: &InvalidName) -> HandlerError {
        self.poison(format!(
            "{} sends a command to an aggregate that cannot be: {error}",
            R::NAME
        ))
    }

    fn poison(&self, reason: String) -> HandlerError {
        HandlerError::Poison {
            event: self.event.recorded.id,
            reason,
        }
    }
}

impl<R: Reactor> ReactorHandler<R> {
    fn react(&self, batch: &[RecordedEvent]) -> Result<Vec<Reaction<R>>, HandlerError> {
        let reaction = |event| Reaction {
            commands: self.0.react(&event).into(),
            event,
        };
        Ok(envelopes(batch)?.into_iter().map(reaction).collect())
    }

    /// Decides the commands of one event in turn; what the reactor sends instead of a refused one comes next.
    async fn decide<S: EventStore>(
        &self,
        store: &S,
        transaction: &mut S::Transaction,
        mut reaction: Reaction<R>,
        decisions: &mut Decisions,
    ) -> Result<(), HandlerError> {
        while let Some(command) = reaction.commands.pop_front() {
            match command.decide(decisions, &reaction.event.recorded) {
                Ok(()) => {}
                Err(Dispatch::Store(error)) if error.is_retryable() => return Err(error.into()),
                Err(Dispatch::Store(error)) => return Err(reaction.poison(error.to_string())),
                Err(Dispatch::Rejected(rejection)) => match self
                    .0
                    .rejected(&reaction.event, &rejection)
                {
                    OnRejected::Ignore => {}
                    OnRejected::Park => {
                        return Err(reaction.poison(format!("{} is parked: {rejection}", R::NAME)));
                    }
                    OnRejected::Instead(commands) => {
                        commands
                            .into_iter()
                            .rev()
                            .for_each(|command| reaction.commands.push_front(command));
                        read(
                            store,
                            transaction,
                            reaction.targets()?.into_iter().collect(),
                            decisions,
                        )
                        .await?;
                    }
                },
            }
        }
        Ok(())
    }
}

/// Guards and reads those of `streams` that the batch has not read yet.
async fn read<S: EventStore>(
    store: &S,
    transaction: &mut S::Transaction,
    streams: BTreeSet<StreamId>,
    decisions: &mut Decisions,
) -> Result<(), HandlerError> {
    let missing = decisions.missing(streams);
    if !missing.is_empty() {
        let events = store.read_streams_in(transaction, &missing).await?;
        decisions.load(missing, events);
    }
    Ok(())
}

#[async_trait]
impl<S: EventStore, R: Reactor> Handler<S> for ReactorHandler<R> {
    fn subscription(&self) -> &str {
        R::NAME
    }

    fn reads(&self) -> Result<Vec<Reads>, CodecError> {
        R::Events::reads()
    }

    /// Every target is guarded until the end of the transaction, and a server has room for a few thousand guards.
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
        let mut decisions = Decisions::default();
        read(store, transaction, targets, &mut decisions).await?;
        for reaction in reactions {
            self.decide(store, transaction, reaction, &mut decisions)
                .await?;
        }
        let appends = decisions.into_appends();
        if !appends.is_empty() {
            store.append_in(transaction, appends.into()).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
