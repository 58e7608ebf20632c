//! What the histories of a law tested. A law that tested nothing would pass for every role, so it fails.

use std::{
    cell::{Cell, RefCell},
    fmt::Debug,
};

use cqrs_core::{Aggregate, roles::Events};

use super::commands::{Ended, Story};

/// How a strategy of commands leads to events.
const BETTER_COMMANDS: &str = "Let the strategy of commands make one that the aggregate accepts in its first state, beside the others: \
     `prop_oneof![Just(Open { .. }), any_deposit()]`. Draw ids and amounts from small ranges: they meet more often.";

/// What histories of commands led to.
#[derive(Debug, Default)]
pub(super) struct Commands {
    histories: Cell<usize>,
    commands: Cell<usize>,
    events: Cell<usize>,
    /// The first command that led to no event, with why.
    without: RefCell<Option<String>>,
}

impl Commands {
    pub(super) fn count<A: Aggregate<Command: Debug, Event: Debug>>(&self, story: &Story<A>) {
        add(&self.histories, 1);
        add(
            &self.commands,
            story.steps.len() + usize::from(story.ended.is_some()),
        );
        add(&self.events, story.events.len());
        if self.events.get() == 0 {
            let mut without = self.without.borrow_mut();
            *without = without.take().or_else(|| first_without_event(story));
        }
    }

    /// Fails if no event happened.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.events.get() > 0 {
            return Ok(());
        }
        let without = self.without.borrow();
        let without = without.as_deref().unwrap_or("there was none");
        Err(format!(
            "no event happened in {}: none of the {} led to one. The first: {without}.\n\n{BETTER_COMMANDS} If events need \
             time to pass, add `pauses = any_duration()`.",
            of(self.histories.get(), "history", "histories"),
            of(self.commands.get(), "command", "commands"),
        ))
    }
}

fn first_without_event<A: Aggregate<Command: Debug>>(story: &Story<A>) -> Option<String> {
    let steps = story.steps.iter().map(|step| {
        let why = match &step.rejected {
            Some(error) => format!("was rejected: {error}"),
            None => "was accepted without an event".to_owned(),
        };
        (step, why)
    });
    let ended = story.ended.iter().map(|(step, ended)| {
        let why = match ended {
            Ended::Handle(panic) => format!("made handle panic: {panic}"),
            Ended::Apply(_, panic) => format!("made apply panic: {panic}"),
            Ended::Unstorable(_, error) => format!("led to an event that is not stored: {error}"),
        };
        (step, why)
    });
    let (step, why) = steps.chain(ended).next()?;
    Some(format!("`{:?}` {why}", step.command))
}

/// What the streams of a view or reactor led to.
#[derive(Debug)]
pub(super) struct Streams {
    histories: Cell<usize>,
    /// The number of events on each stream.
    events: Vec<(String, Cell<usize>)>,
    /// The number of events by which the role changed a document or sent a command.
    effects: Cell<usize>,
}

impl Streams {
    pub(super) fn new<'a>(ids: impl Iterator<Item = &'a str>) -> Self {
        Self {
            histories: Cell::default(),
            events: ids.map(|id| (id.to_owned(), Cell::default())).collect(),
            effects: Cell::default(),
        }
    }

    /// Counts the events of a history, each by the number of its stream, and how many of them had an effect.
    pub(super) fn count(&self, streams: impl Iterator<Item = usize>, effects: usize) {
        add(&self.histories, 1);
        streams.for_each(|stream| add(&self.events[stream].1, 1));
        add(&self.effects, effects);
    }

    /// Fails if a stream had no event, or no event of any stream had an `effect` on this reader of `E`.
    pub(super) fn check<E: Events>(&self, effect: &str) -> Result<(), String> {
        let histories = of(self.histories.get(), "history", "histories");
        if let Some((id, _)) = self.events.iter().find(|(_, count)| count.get() == 0) {
            return Err(format!(
                "the stream {id:?} had no event in {histories}.\n\nIf it is the history of an aggregate: {BETTER_COMMANDS}"
            ));
        }
        if self.effects.get() > 0 {
            return Ok(());
        }
        let events = self.events.iter().map(|(_, count)| count.get()).sum();
        Err(format!(
            "{effect} for any of the {} in {histories}.\n\nIt reads events of {}: let the streams have those, of the types \
             that it handles.",
            of(events, "event", "events"),
            categories::<E>(),
        ))
    }
}

/// Panics because a law tested nothing.
#[track_caller]
pub(super) fn fail(law: &str, why: &str) -> ! {
    panic!("untested law: {law}\n\n{why}\n");
}

/// The categories that a reader reads.
fn categories<E: Events>() -> String {
    let reads = E::reads().unwrap_or_default();
    let mut categories: Vec<_> = reads
        .iter()
        .map(|one| format!("`{}`", one.category))
        .collect();
    categories.dedup();
    categories.join(" and ")
}

/// A number with its noun.
pub(super) fn of(count: usize, one: &str, many: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    }
}

fn add(count: &Cell<usize>, more: usize) {
    count.set(count.get() + more);
}
