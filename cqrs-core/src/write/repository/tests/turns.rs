//! Commands to one aggregate within a process take turns: each is decided once, without conflicts.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::scripted::Scripted;
use crate::{
    model::{Context, Event, RetryPolicy},
    roles::{Aggregate, Check, Decision, To},
    write::CommandStore,
};

#[derive(Debug, Serialize, Deserialize)]
enum TicketEvent {
    Drawn { number: u64 },
}

impl Event for TicketEvent {
    const CATEGORY: &'static str = "ticket";
}

#[derive(Debug, Default)]
struct Tickets(u64);

impl Aggregate for Tickets {
    /// Counts the decisions.
    type Command = Arc<AtomicU32>;
    type Event = TicketEvent;
    type Error = std::convert::Infallible;

    fn handle(&self, decisions: Arc<AtomicU32>, _: &Context) -> Decision<Self> {
        decisions.fetch_add(1, Ordering::Relaxed);
        Ok(vec![TicketEvent::Drawn { number: self.0 + 1 }])
    }

    fn apply(&mut self, event: TicketEvent) {
        let TicketEvent::Drawn { number } = event;
        self.0 = number;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn commands_to_one_aggregate_take_turns_and_never_conflict() {
    let store = Scripted::default();
    // Without turns, other commands would append between a read and its append.
    store.pause(3, None);
    let tickets = store.repository::<Tickets>().retry(RetryPolicy::NEVER);
    let decisions = Arc::new(AtomicU32::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..64 {
        let tickets = tickets.clone();
        let decisions = Arc::clone(&decisions);
        tasks.spawn(async move {
            let drawn = tickets.execute("one", decisions).await;
            let TicketEvent::Drawn { number } = drawn.expect("no conflict").events[0];
            number
        });
    }
    let mut drawn = tasks.join_all().await;
    drawn.sort_unstable();
    assert_eq!(drawn, Vec::from_iter(1..=64));
    assert_eq!(decisions.load(Ordering::Relaxed), 64);
}

/// Each set also names an aggregate of a neighbour, half of them in the other order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn commands_to_several_aggregates_take_the_turns_of_each() {
    let store = Scripted::default();
    store.share_turns();
    store.pause(3, None);
    let decisions = Arc::new(AtomicU32::new(0));
    let draw = |id: &str| To::<Tickets>::new(id, Arc::clone(&decisions));
    let mut tasks = JoinSet::new();
    for n in 0..16 {
        let repository = store.repository::<Tickets>().retry(RetryPolicy::NEVER);
        let one = Arc::clone(&decisions);
        let neighbour = format!("{}", n % 4);
        let sets = [
            [draw("one"), draw(&neighbour)],
            [draw(&neighbour), draw("one")],
        ];
        let store = store.clone();
        tasks.spawn(async move {
            repository.execute("one", one).await.expect("no conflict");
            for set in sets {
                let all = store.execute_all(set).retry(RetryPolicy::NEVER);
                all.await.expect("no conflict");
            }
        });
    }
    tasks.join_all().await;
    let tickets = store.repository::<Tickets>();
    assert_eq!(tickets.load("one").await.expect("loads").state.0, 48);
}

/// The decision has the turn on the rules. A request that takes it too would wait for itself, and time would pass.
#[tokio::test(start_paused = true)]
async fn an_aggregate_that_is_only_checked_takes_no_turn() {
    let store = Scripted::default();
    store.share_turns();
    let decisions = Arc::new(AtomicU32::new(0));
    let commands = (
        To::<Tickets>::new("one", Arc::clone(&decisions)),
        Check::<Tickets>::unchanged("rules"),
    );
    let tickets = store.repository::<Tickets>();
    let decide = |_, _| {
        let all = store.execute_all(commands.clone());
        async move {
            let before = tokio::time::Instant::now();
            all.await.expect("executes");
            assert!(before.elapsed().is_zero(), "waited for a turn");
            Ok(vec![])
        }
    };
    tickets.decide("rules", decide).await.expect("decides");
}
