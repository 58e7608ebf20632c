//! The gate where every call of every process waits, and the desk that decides about them.

use std::{
    collections::HashSet,
    future::pending,
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::sync::oneshot;

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is made.
    Go,
    /// It fails, and has done nothing.
    Fail,
    /// It is made, and its answer is lost.
    LoseAnswer,
    /// It is made twice, where that can happen.
    Repeat,
}

impl Verdict {
    const fn describe(self) -> &'static str {
        match self {
            Self::Go => "",
            Self::Fail => " fails",
            Self::LoseAnswer => ", its answer is lost",
            Self::Repeat => ", twice",
        }
    }
}

/// A process: its place among the processes, and how many were there before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ProcessId {
    pub(crate) place: usize,
    pub(crate) before: usize,
}

struct Waiting {
    process: ProcessId,
    /// The number of the task that makes it: those that began first come first.
    task: u64,
    call: &'static str,
    verdict: oneshot::Sender<Verdict>,
}

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
    stopped: HashSet<usize>,
    killed: HashSet<ProcessId>,
    trace: Vec<String>,
    arrived: usize,
}

/// The calls that wait, and what has happened so far.
#[derive(Clone, Default)]
pub(crate) struct Desk(Arc<Mutex<State>>);

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nobody panics while holding it")
    }

    /// The gate of a process.
    pub(crate) fn gate(&self, process: ProcessId) -> Gate {
        Gate {
            process,
            desk: self.clone(),
        }
    }

    pub(crate) fn note(&self, what: impl Into<String>) {
        self.state().trace.push(what.into());
    }

    pub(crate) fn trace(&self) -> Vec<String> {
        std::mem::take(&mut self.state().trace)
    }

    /// Decides about one of the calls that wait.
    pub(crate) fn decide(&self, pick: u8, verdict: Verdict) {
        let mut state = self.state();
        let ready = state.ready();
        if let Some(count) = ready.len().checked_sub(1) {
            let index = ready[usize::from(pick) % (count + 1)];
            state.answer(index, verdict);
        }
    }

    /// Has every call that waits be made. Returns how many.
    pub(crate) fn let_all_go(&self) -> usize {
        self.let_go(|_| true)
    }

    /// Has every call of one process be made.
    pub(crate) fn let_only(&self, place: usize) {
        self.let_go(|process| process.place == place);
    }

    fn let_go(&self, is_chosen: impl Fn(ProcessId) -> bool) -> usize {
        let mut state = self.state();
        let mut made = 0;
        // One after the other: each answer changes the places of the others.
        loop {
            let ready = state.ready().into_iter();
            let mut chosen = ready.filter(|index| is_chosen(state.waiting[*index].process));
            let Some(first) = chosen.next() else {
                return made;
            };
            state.answer(first, Verdict::Go);
            made += 1;
        }
    }

    /// How many calls have come to the gate.
    pub(crate) fn arrived(&self) -> usize {
        self.state().arrived
    }

    /// The process makes no call any more.
    pub(crate) fn kill(&self, process: ProcessId) {
        let mut state = self.state();
        state.killed.insert(process);
        state.waiting.retain(|waiting| waiting.process != process);
    }

    pub(crate) fn stop(&self, place: usize) {
        self.state().stopped.insert(place);
    }

    pub(crate) fn wake(&self, place: usize) {
        self.state().stopped.remove(&place);
    }

    pub(crate) fn stopped(&self) -> usize {
        self.state().stopped.len()
    }
}

impl State {
    /// The calls about which can be decided. Their order is the same in each run of a schedule, other than that in which they have come.
    fn ready(&mut self) -> Vec<usize> {
        self.waiting.retain(|waiting| !waiting.verdict.is_closed());
        let mut ready = Vec::from_iter(0..self.waiting.len());
        ready.retain(|index| !self.stopped.contains(&self.waiting[*index].process.place));
        ready.sort_by_key(|index| {
            let waiting = &self.waiting[*index];
            (waiting.process, waiting.task, waiting.call)
        });
        ready
    }

    fn answer(&mut self, index: usize, verdict: Verdict) {
        let Waiting {
            process,
            call,
            verdict: answer,
            ..
        } = self.waiting.remove(index);
        let done = verdict.describe();
        let ProcessId { place, before } = process;
        self.trace.push(format!("{place}.{before}: {call}{done}"));
        // The caller may have gone meanwhile.
        let _ = answer.send(verdict);
    }
}

/// Where the calls of one process wait.
#[derive(Clone)]
pub(crate) struct Gate {
    process: ProcessId,
    desk: Desk,
}

impl Gate {
    /// Waits until the desk decides. A process that is killed waits for ever.
    pub(crate) async fn pass(&self, call: &'static str) -> Verdict {
        let (sender, verdict) = oneshot::channel();
        let task = tokio::task::id().to_string();
        let waiting = Waiting {
            process: self.process,
            task: task.parse().expect("a number"),
            call,
            verdict: sender,
        };
        {
            let mut state = self.desk.state();
            state.arrived += 1;
            if !state.killed.contains(&self.process) {
                state.waiting.push(waiting);
            }
        }
        match verdict.await {
            Ok(verdict) => verdict,
            Err(_) => pending().await,
        }
    }
}
