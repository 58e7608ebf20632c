//! Counters, and a view and a reactor that show whatever is lost, doubled or reordered.

use cqrs_core::{
    Aggregate, Context, Decision, Envelope, Event, EventStore, Keys, Position, Reactor,
    RecordedEvent, Repository, To, View,
    model::Slices,
    ports::{Documents, LogQuery, decode_document},
};
use serde::{Deserialize, Serialize};

/// What happens to a counter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum CounterEvent {
    /// It went up to `to`, carrying some weight.
    Counted {
        /// The count.
        to: u64,
        /// To make events as large as a test wants.
        weight: String,
    },
}

impl Event for CounterEvent {
    const CATEGORY: &'static str = "counter";
}

/// Counts up by one at each command; the command is the event's weight.
#[derive(Debug, Default)]
pub struct Counter(u64);

impl Aggregate for Counter {
    type Command = String;
    type Event = CounterEvent;
    type Error = std::convert::Infallible;

    fn handle(&self, weight: String, _: &Context) -> Decision<Self> {
        Ok(vec![CounterEvent::Counted {
            to: self.0 + 1,
            weight,
        }])
    }

    fn apply(&mut self, _: CounterEvent) {
        self.0 += 1;
    }
}

/// Every count of a counter, in the order in which the view met it.
#[derive(Debug)]
pub struct Counts;

impl View for Counts {
    const NAME: &'static str = "counts";
    type Events = CounterEvent;
    type Document = Vec<u64>;

    fn keys(&self, event: &Envelope<CounterEvent>) -> Keys {
        event.id().into()
    }

    fn apply(
        &self,
        _: &str,
        counts: Option<Vec<u64>>,
        event: &Envelope<CounterEvent>,
    ) -> Option<Vec<u64>> {
        let CounterEvent::Counted { to, .. } = &event.event;
        let mut counts = counts.unwrap_or_default();
        counts.push(*to);
        Some(counts)
    }
}

/// Notes that somebody was told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum EchoEvent {
    /// A count was heard.
    Heard {
        /// The count.
        count: u64,
    },
}

impl Event for EchoEvent {
    const CATEGORY: &'static str = "echo";
}

/// Hears whatever it is told. It has no rule that would hide a repeat.
#[derive(Debug, Default)]
pub struct Echo;

impl Aggregate for Echo {
    type Command = u64;
    type Event = EchoEvent;
    type Error = std::convert::Infallible;

    fn handle(&self, count: u64, _: &Context) -> Decision<Self> {
        Ok(vec![EchoEvent::Heard { count }])
    }

    fn apply(&mut self, _: EchoEvent) {}
}

/// Tells an echo each count.
#[derive(Debug)]
pub struct Tell;

impl Reactor for Tell {
    const NAME: &'static str = "tell";
    type Events = CounterEvent;
    type Commands = To<Echo>;

    fn react(&self, event: &Envelope<CounterEvent>) -> Vec<To<Echo>> {
        let CounterEvent::Counted { to, .. } = &event.event;
        vec![To::new(event.id(), *to)]
    }
}

/// How many counters there are.
pub const COUNTERS: u64 = 7;

/// Counts `events` times, one counter after the other.
pub async fn count<S: EventStore>(store: &S, events: u64) {
    let counters = Repository::<Counter, _>::new(store.clone());
    for n in 0..events {
        counters
            .execute(format!("c{}", n % COUNTERS), "w".to_owned())
            .await
            .expect("counts");
    }
}

/// The whole log.
pub async fn log<S: EventStore>(store: &S) -> Vec<RecordedEvent> {
    let (mut after, mut events) = (Position::START, Vec::new());
    loop {
        let query = LogQuery {
            after,
            reads: &[],
            slices: Slices::ALL,
            limit: 1_000,
        };
        let page = store.read_log(query).await.expect("reads");
        let Some(upto) = page.upto else { return events };
        after = Position::new(upto.offset.get());
        events.extend(page.events);
    }
}

/// How many counts the view holds, once each counter's are found to be 1, 2, 3 and so on.
pub async fn counts_in_order<S: Documents>(store: &S) -> u64 {
    let mut total = 0;
    for (key, document) in store
        .documents(Counts::NAME, None, 100)
        .await
        .expect("reads")
    {
        let counts: Vec<u64> = decode_document(Counts::NAME, &key, &document.body).expect("counts");
        assert_eq!(
            counts,
            Vec::from_iter(1..=counts.len() as u64),
            "counter {key}: lost, doubled or reordered"
        );
        total += counts.len() as u64;
    }
    total
}

/// How many counts the echoes heard, once each echo's are found to be 1, 2, 3 and so on.
pub async fn heard_in_order<S: EventStore>(store: &S) -> u64 {
    let heard = log(store)
        .await
        .into_iter()
        .filter(|event| event.stream.category().as_str() == EchoEvent::CATEGORY);
    let heard = Vec::from_iter(heard);
    for event in &heard {
        let EchoEvent::Heard { count } =
            cqrs_core::codec::decode(&event.event_type, event.schema_version, &event.payload)
                .expect("an echo's event");
        assert_eq!(
            count,
            event.version.get(),
            "{event}: lost, doubled or reordered"
        );
    }
    heard.len() as u64
}
