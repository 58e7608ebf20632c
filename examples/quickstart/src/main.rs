//! The first steps: an aggregate, a command, a rule that refuses one, a view. In memory, nothing to install.

use cqrs_core::{
    Aggregate, Context, Decision, Envelope, Event, Keys, MemoryEventStore, ReadModel, Repository,
    Runner, View,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
enum SeatEvent {
    Booked { visitor: String },
}

impl Event for SeatEvent {
    const CATEGORY: &'static str = "seat";
}

#[derive(Clone)]
struct Book(&'static str);

#[derive(Debug, thiserror::Error)]
#[error("the seat is taken by {0}")]
struct Taken(String);

#[derive(Default)]
struct Seat(Option<String>);

impl Aggregate for Seat {
    type Command = Book;
    type Event = SeatEvent;
    type Error = Taken;

    fn handle(&self, Book(visitor): Book, _: &Context) -> Decision<Self> {
        let visitor = visitor.to_owned();
        match &self.0 {
            None => Ok(vec![SeatEvent::Booked { visitor }]),
            Some(other) => Err(Taken(other.clone())),
        }
    }

    fn apply(&mut self, SeatEvent::Booked { visitor }: SeatEvent) {
        self.0 = Some(visitor);
    }
}

/// A read model: for each visitor, the seats.
struct Tickets;

impl View for Tickets {
    const NAME: &'static str = "tickets";
    type Events = SeatEvent;
    type Document = Vec<String>;

    fn keys(&self, event: &Envelope<SeatEvent>) -> Keys {
        let SeatEvent::Booked { visitor } = &event.event;
        visitor.as_str().into()
    }

    fn apply(
        &self,
        _: &str,
        seats: Option<Vec<String>>,
        event: &Envelope<SeatEvent>,
    ) -> Option<Vec<String>> {
        let mut seats = seats.unwrap_or_default();
        seats.push(event.id().to_owned());
        Some(seats)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = MemoryEventStore::default();
    let seats = Repository::<Seat, _>::new(store.clone());
    seats.execute("A1", Book("ada")).await?;
    let booked = seats.execute("A2", Book("ada")).await?;
    if let Err(refused) = seats.execute("A1", Book("bob")).await {
        println!("A1 for bob: {refused}"); // A1 for bob: the seat is taken by ada
    }

    // A service runs until it is told to stop; this one until it has seen the last booking.
    let tickets = ReadModel::<Tickets, _>::new(store.clone());
    let until = async {
        tickets
            .wait_for(booked.position.unwrap_or_default())
            .await
            .unwrap_or_default();
    };
    Runner::over_log(&store, Tickets)?.run(until).await?;
    for (visitor, seats) in tickets.page(None, 10).await? {
        println!("{visitor}: {}", seats.join(", ")); // ada: A1, A2
    }
    Ok(())
}
