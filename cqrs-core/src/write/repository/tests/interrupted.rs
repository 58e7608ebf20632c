//! Interrupted commands: the caller drops the future, or the aggregate's code panics. The next command works correctly.

use std::{cell::Cell, future::poll_fn, pin::pin, task::Poll};

use serde::{Deserialize, Serialize};

use super::{
    scripted::Fault,
    tally::TallyCommand,
    world::{REPOSITORIES, World, execute},
};
use crate::{
    memory::MemoryEventStore,
    model::{Context, Event},
    roles::{Aggregate, Decision},
    write::CommandStore,
};

/// Polls a call at most `polls` times, each time after it was woken, then drops it.
async fn give_up_after<F: Future>(polls: usize, call: F) -> Option<F::Output> {
    let mut call = pin!(call);
    let mut polls = polls;
    poll_fn(|context| match call.as_mut().poll(context) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        Poll::Pending if polls <= 1 => Poll::Ready(None),
        Poll::Pending => {
            polls -= 1;
            Poll::Pending
        }
    })
    .await
}

/// Every kind of command, on states that are cached, stale, freshly read or loaded from snapshots.
#[tokio::test(start_paused = true)]
async fn a_dropped_command_does_not_affect_the_next_one() {
    for by in 0..REPOSITORIES {
        for command in [
            TallyCommand::Add(2),
            TallyCommand::Double,
            TallyCommand::MakeEven,
        ] {
            for key in [None, Some(1)] {
                for fault in [Fault::None, Fault::LostReply] {
                    drop_after_each_poll(by, command, key, fault).await;
                }
            }
        }
    }
}

async fn drop_after_each_poll(by: usize, command: TallyCommand, key: Option<u8>, fault: Fault) {
    for stale in [false, true] {
        for polls in 1.. {
            let mut world = World::new(0);
            world.execute(by, TallyCommand::Add(1), None, &[]).await;
            world.take_snapshot(2).await;
            if stale {
                world
                    .execute((by + 1) % REPOSITORIES, TallyCommand::Add(1), None, &[])
                    .await;
            }
            // One pause before each call of the store, and one after it.
            world.store.pause(1, None);
            world.store.fail([Fault::None, fault]);
            let request = execute(&world.repositories[by], command, key);
            let outcome = give_up_after(polls, request).await;
            world.store.fail([]);
            world.adopt(command, key).await;
            world.execute(by, TallyCommand::Add(3), None, &[]).await;
            world.execute(by, command, key, &[]).await;
            world.check().await;
            if outcome.is_some() {
                break;
            }
        }
    }
}

/// The next waiting command gets the turn.
#[tokio::test(start_paused = true)]
async fn a_dropped_command_gives_up_its_turn() {
    for polls in 1..12 {
        let mut world = World::new(0);
        world.execute(0, TallyCommand::Add(1), None, &[]).await;
        world.store.pause(1, None);
        let tallies = &world.repositories[0];
        let (_, second, third) = tokio::join!(
            give_up_after(polls, execute(tallies, TallyCommand::Add(1), None)),
            execute(tallies, TallyCommand::Add(2), None),
            execute(tallies, TallyCommand::Add(3), None),
        );
        let [second, third] = [second, third].map(|done| done.expect("executes").version.get());
        assert_eq!(second + 1, third);
        assert_eq!(world.recorded().await.len() as u64, third);
    }
}

thread_local! {
    /// The method of the aggregate that panics when it is called next.
    static PANICS: Cell<Option<&'static str>> = const { Cell::new(None) };
}

fn panic_if_planned(method: &'static str) {
    if PANICS.get() == Some(method) {
        PANICS.set(None);
        panic!("planted in {method}");
    }
}

#[derive(Debug, Serialize, Deserialize)]
enum CounterEvent {
    Counted { before: u64 },
}

impl Event for CounterEvent {
    const CATEGORY: &'static str = "counter";
}

#[derive(Debug, Default)]
struct Counter(u64);

impl Aggregate for Counter {
    type Command = u64;
    type Event = CounterEvent;
    type Error = std::convert::Infallible;

    fn handle(&self, times: u64, _: &Context) -> Decision<Self> {
        panic_if_planned("handle");
        let event = |n| CounterEvent::Counted { before: self.0 + n };
        Ok((0..times).map(event).collect())
    }

    /// Panics after it has changed the state.
    fn apply(&mut self, event: CounterEvent) {
        let CounterEvent::Counted { before } = event;
        assert_eq!(before, self.0);
        self.0 += 1;
        panic_if_planned("apply");
    }
}

#[tokio::test]
async fn a_command_that_panics_does_not_affect_the_next_one() {
    for method in ["handle", "apply"] {
        for warm in [false, true] {
            let counters = MemoryEventStore::default().repository::<Counter>();
            let first = if warm {
                counters.clone()
            } else {
                counters.clone().cache(0)
            };
            first.execute("one", 2).await.expect("executes");
            PANICS.set(Some(method));
            let panicking = counters.clone();
            let panicked = tokio::spawn(async move { panicking.execute("one", 2).await });
            assert!(panicked.await.is_err_and(|error| error.is_panic()));
            // With a cached state, `apply` panics after the events are stored.
            let stored = if warm && method == "apply" { 4 } else { 2 };
            let next = counters.execute("one", 1).await.expect("executes");
            assert_eq!(next.version.get(), stored + 1);
            assert_eq!(
                counters.load("one").await.expect("loads").state.0,
                stored + 1
            );
        }
    }
}
