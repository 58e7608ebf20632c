//! The first steps: an aggregate, a rule that rejects a command, a view. In memory, nothing to install.

use cqrs_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
enum SeatEvent {
    Booked { visitor: String },
}
impl Event for SeatEvent {
    const CATEGORY: &'static str = "seat";
}

#[derive(Debug, thiserror::Error)]
#[error("the seat is taken")]
struct Taken;

#[derive(Default)]
struct Seat {
    taken: bool,
}
impl Aggregate for Seat {
    type Command = String; // the visitor who wants it
    type Event = SeatEvent;
    type Error = Taken;

    fn handle(&self, visitor: String, _: &Context) -> Decision<Self> {
        if self.taken {
            Err(Taken)
        } else {
            Ok(vec![SeatEvent::Booked { visitor }])
        }
    }
    fn apply(&mut self, _: SeatEvent) {
        self.taken = true;
    }
}

/// A read model: for each visitor, the seats.
struct Tickets;
impl View for Tickets {
    const NAME: &'static str = "tickets";
    type Events = SeatEvent;
    type Document = Vec<String>;

    fn keys(&self, event: &Envelope<SeatEvent>) -> DocumentKeys {
        let SeatEvent::Booked { visitor } = &event.event;
        visitor.as_str().into()
    }
    fn apply(
        &self,
        _: &str,
        seats: Option<Vec<String>>,
        event: &Envelope<SeatEvent>,
    ) -> Option<Vec<String>> {
        Some([seats.unwrap_or_default(), vec![event.id().to_owned()]].concat())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = MemoryEventStore::default();
    let seats = store.repository::<Seat>();
    seats.execute("A1", "ada".to_owned()).await?;
    seats.execute("A2", "ada".to_owned()).await?;
    if let Err(rejected) = seats.execute("A1", "bob".to_owned()).await {
        println!("A1 for bob: {rejected}"); // A1 for bob: the seat is taken
    }

    // In a service it would run until the service stops.
    Runner::over_log(&store, Tickets)?.catch_up().await?;
    let tickets = ReadModel::<Tickets, _>::new(&store);
    for (visitor, seats) in tickets.page(None, 10).await? {
        println!("{visitor}: {}", seats.join(", ")); // ada: A1, A2
    }
    Ok(())
}
