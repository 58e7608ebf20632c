//! Counters, and a view and a reactor that detect events that were lost, duplicated or reordered.

use cqrs_core::{
    Aggregate, CommandStore, Context, Decision, DocumentKeys, Envelope, Event, EventStore,
    Position, Reactor, RecordedEvent, To, View,
    model::KeyRange,
    ports::{Documents, LogQuery, decode_document},
    roles::Events,
};
use serde::{Deserialize, Serialize};

/// The events of a counter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum CounterEvent {
    /// It was increased to `to`.
    Counted {
        /// The count.
        to: u64,
        /// The text of the command: it names a writer, or makes the event large.
        text: String,
    },
}

impl Event for CounterEvent {
    const CATEGORY: &'static str = "counter";
}

/// Counts up by one at each command; the command is the text of the event.
#[derive(Debug, Default)]
pub struct Counter(u64);

impl Aggregate for Counter {
    type Command = String;
    type Event = CounterEvent;
    type Error = std::convert::Infallible;

    fn handle(&self, text: String, _: &Context) -> Decision<Self> {
        Ok(vec![CounterEvent::Counted {
            to: self.0 + 1,
            text,
        }])
    }

    fn apply(&mut self, _: CounterEvent) {
        self.0 += 1;
    }
}

/// All counts of a counter, in the order in which the view handled them.
#[derive(Debug)]
pub struct Counts;

impl View for Counts {
    const NAME: &'static str = "counts";
    type Events = CounterEvent;
    type Document = Vec<u64>;

    fn keys(&self, event: &Envelope<CounterEvent>) -> DocumentKeys {
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

/// The events of an echo.
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

/// Records every count. It has no rule that would hide a repeat.
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

/// Sends each count to an echo.
#[derive(Debug)]
pub struct EchoCounts;

impl Reactor for EchoCounts {
    const NAME: &'static str = "echo_counts";
    type Events = CounterEvent;
    type Commands = To<Echo>;

    fn react(&self, event: &Envelope<CounterEvent>) -> Vec<To<Echo>> {
        let CounterEvent::Counted { to, .. } = &event.event;
        vec![To::new(event.id(), *to)]
    }
}

/// The number of counters.
pub const COUNTERS: u64 = 7;

/// Counts `events` times, one counter after the other.
pub async fn count<S: EventStore>(store: &S, events: u64) {
    let counters = store.repository::<Counter>();
    for n in 0..events {
        counters
            .execute(format!("c{}", n % COUNTERS), "w".to_owned())
            .await
            .expect("counts");
    }
}

/// The whole log.
pub async fn log<S: EventStore>(store: &S) -> Vec<RecordedEvent> {
    let mut after = Position::START;
    let mut events = Vec::new();
    loop {
        let query = LogQuery::new(after, 1_000);
        let page = store.read_log(query).await.expect("reads");
        let Some(upto) = page.upto else { return events };
        after = Position::new(upto.offset.get());
        events.extend(page.events);
    }
}

/// The number of counts in the view. Checks that those of each counter are 1, 2, 3 and so on.
pub async fn counts_in_order<S: Documents>(store: &S) -> u64 {
    let mut total = 0;
    for (key, document) in store
        .documents(Counts::NAME, &KeyRange::all(), 100)
        .await
        .expect("reads")
    {
        let counts: Vec<u64> = decode_document(Counts::NAME, &key, &document.body).expect("counts");
        assert_eq!(
            counts,
            Vec::from_iter(1..=counts.len() as u64),
            "counter {key}: lost, duplicated or reordered"
        );
        total += counts.len() as u64;
    }
    total
}

/// The number of counts that the echoes heard. Checks that those of each echo are 1, 2, 3 and so on.
pub async fn heard_in_order<S: EventStore>(store: &S) -> u64 {
    let heard = log(store)
        .await
        .into_iter()
        .filter(|event| event.stream.category().as_str() == EchoEvent::CATEGORY);
    let heard = Vec::from_iter(heard);
    for event in &heard {
        let decoded = EchoEvent::decode(event).expect("an echo's event");
        let EchoEvent::Heard { count } = decoded.into_iter().next().expect("one event");
        assert_eq!(
            count,
            event.version.get(),
            "{event}: lost, duplicated or reordered"
        );
    }
    heard.len() as u64
}
