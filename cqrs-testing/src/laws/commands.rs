//! Sends generated commands to an aggregate: what it decides is its history. So only states are tested that can be reached.

use std::{fmt::Debug, sync::Arc, time::Duration};

use cqrs_core::{Aggregate, Context, Decision, Metadata, RecordedEvent, Version};

use super::quiet::quietly;
use crate::spec::{
    calls::Calls,
    recorded::{Content, Recorder, envelopes},
    source::{constructor, source, time},
};

/// An aggregate to which commands are sent.
#[derive(Debug)]
pub(super) struct Live<A> {
    state: A,
    id: Arc<str>,
    recorder: Recorder,
    version: Version,
}

/// What the aggregate decided on a command.
pub(super) enum Sent<A: Aggregate> {
    Accepted(Accepted<A>),
    Rejected(String),
}

/// The events of an accepted command.
pub(super) struct Accepted<A: Aggregate> {
    pub(super) context: Context,
    /// The events as decided.
    pub(super) events: Vec<A::Event>,
    /// The events as recorded.
    pub(super) recorded: Vec<RecordedEvent>,
}

/// Why a history ends: no store records what follows.
#[derive(Debug)]
pub(super) enum Ended {
    /// `handle` panicked.
    Handle(String),
    /// `apply` panicked on these events.
    Apply(Vec<String>, String),
    /// An event cannot be stored.
    Unstorable(Vec<String>, String),
}

impl<A: Aggregate> Live<A> {
    pub(super) fn new(id: &str) -> Self {
        Self {
            state: A::default(),
            id: id.into(),
            recorder: Recorder::default(),
            version: Version::EMPTY,
        }
    }

    /// The context of the next command.
    pub(super) fn context(&self) -> Context {
        let (at, metadata) = (self.recorder.at, Metadata::default());
        Context::new(Arc::clone(&self.id), self.version, at, metadata)
    }

    /// Lets time pass, then sends a command.
    pub(super) fn send(&mut self, command: &A::Command, pause: Duration) -> Result<Sent<A>, Ended>
    where
        A::Event: Debug,
    {
        self.recorder.at += pause;
        let context = self.context();
        let decision = quietly(|| self.state.handle(command.clone(), &context));
        let events = match decision.map_err(Ended::Handle)? {
            Ok(events) => events,
            Err(error) => return Ok(Sent::Rejected(error.to_string())),
        };
        let recorded = self.record(&events)?;
        Ok(Sent::Accepted(Accepted {
            context,
            events,
            recorded,
        }))
    }

    fn record(&mut self, events: &[A::Event]) -> Result<Vec<RecordedEvent>, Ended>
    where
        A::Event: Debug,
    {
        let sources = || events.iter().map(source).collect::<Vec<_>>();
        let mut recorded = Vec::with_capacity(events.len());
        for event in events {
            let stored =
                Content::of(event).and_then(|content| self.recorder.record(&self.id, content));
            recorded.push(stored.map_err(|error| Ended::Unstorable(sources(), error))?);
        }
        for event in &recorded {
            let applied = quietly(|| fold(&mut self.state, [event]));
            match applied {
                Ok(Ok(())) => self.version = event.version,
                Ok(Err(error)) => return Err(Ended::Unstorable(sources(), error)),
                Err(panic) => return Err(Ended::Apply(sources(), panic)),
            }
        }
        Ok(recorded)
    }
}

/// Applies recorded events to a state, each decoded by itself.
pub(super) fn fold<'a, A: Aggregate>(
    state: &mut A,
    events: impl IntoIterator<Item = &'a RecordedEvent>,
) -> Result<(), String> {
    for recorded in events {
        for envelope in envelopes::<A::Event>(recorded)? {
            state.apply(envelope.event);
        }
    }
    Ok(())
}

/// A history of commands with what was decided, up to where it ends.
pub(super) struct Story<A: Aggregate> {
    /// Accepted and rejected commands.
    pub(super) steps: Vec<Step<A>>,
    /// The command at which the history ends, and why.
    pub(super) ended: Option<(Step<A>, Ended)>,
    /// All events.
    pub(super) events: Vec<RecordedEvent>,
    /// All events as source.
    pub(super) sources: Vec<String>,
}

/// A command of a story.
pub(super) struct Step<A: Aggregate> {
    pub(super) command: A::Command,
    pub(super) context: Context,
    /// The number of events before it.
    pub(super) before: usize,
    /// What was decided; nothing if it was rejected.
    pub(super) decided: Vec<A::Event>,
    /// Why it was rejected.
    pub(super) rejected: Option<String>,
}

impl<A: Aggregate> Step<A> {
    /// The same command again, after its events.
    pub(super) fn again(&self) -> Self {
        let before = self.before + self.decided.len();
        let mut context = self.context.clone();
        context.version = Version::new(before as u64);
        Self {
            command: self.command.clone(),
            context,
            before,
            decided: Vec::new(),
            rejected: None,
        }
    }
}

impl<A: Aggregate<Event: Debug, Command: Debug>> Story<A> {
    /// Sends the commands, each after a pause.
    pub(super) fn of(commands: &[(A::Command, Duration)]) -> Self {
        let mut live = Live::<A>::new("spec");
        let mut story = Self {
            steps: Vec::new(),
            ended: None,
            events: Vec::new(),
            sources: Vec::new(),
        };
        for (command, pause) in commands {
            let sent = live.send(command, *pause);
            let mut step = Step {
                command: command.clone(),
                context: live.context(),
                before: story.events.len(),
                decided: Vec::new(),
                rejected: None,
            };
            match sent {
                Ok(Sent::Rejected(error)) => step.rejected = Some(error),
                Ok(Sent::Accepted(sent)) => {
                    step.context = sent.context;
                    story.sources.extend(sent.events.iter().map(source));
                    story.events.extend(sent.recorded);
                    step.decided = sent.events;
                }
                Err(ended) => {
                    story.ended = Some((step, ended));
                    return story;
                }
            }
            story.steps.push(step);
        }
        story
    }

    /// The events of a step.
    pub(super) fn recorded(&self, step: &Step<A>) -> &[RecordedEvent] {
        &self.events[step.before..step.before + step.decided.len()]
    }

    /// A specification: the events before a step, the step, then an expectation.
    pub(super) fn test(&self, step: &Step<A>, expectation: &str) -> String {
        let mut calls = self.given(0..step.before);
        if step.context.now != Recorder::default().at {
            calls.add("at", &time(step.context.now));
        }
        calls.add("when", &source(&step.command));
        calls.test(&constructor::<A>(), expectation)
    }

    /// Some of the events as given.
    pub(super) fn given(&self, events: std::ops::Range<usize>) -> Calls {
        let mut calls = Calls::default();
        self.add_given(&mut calls, events);
        calls
    }

    /// Adds some of the events as given.
    pub(super) fn add_given(&self, calls: &mut Calls, events: std::ops::Range<usize>) {
        if !events.is_empty() {
            calls.add("given", &format!("[{}]", self.sources[events].join(", ")));
        }
    }
}

/// The expectation of what was decided, as source.
pub(super) fn expectation<A: Aggregate<Event: Debug>>(decision: &Decision<A>) -> String {
    match decision {
        Ok(events) if events.is_empty() => "then_nothing()".to_owned(),
        Ok(events) => format!(
            "then([{}])",
            events.iter().map(source).collect::<Vec<_>>().join(", ")
        ),
        Err(error) => format!("then_rejected({})", source(error)),
    }
}

/// What was decided, in a form that can be compared: events as JSON, whatever the order of the fields, and the text of an error.
pub(super) fn comparable<A: Aggregate>(
    decision: &Decision<A>,
) -> Result<Vec<serde_json::Value>, String> {
    match decision {
        Ok(events) => events
            .iter()
            .map(|event| serde_json::to_value(event).map_err(|error| error.to_string()))
            .collect(),
        Err(error) => Err(format!("{error:?}")),
    }
}
