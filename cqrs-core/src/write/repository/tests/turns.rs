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
    roles::{Aggregate, Decision},
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
