//! The streams that a view or reactor reads, with the events that are generated on them.

use std::{any::Any, fmt, marker::PhantomData, sync::Arc, time::Duration};

use cqrs_core::{Aggregate, Event, RecordedEvent};
use proptest::{
    prelude::any,
    strategy::{BoxedStrategy, Strategy, Union},
};

use super::{
    commands::{Live, Sent},
    tested,
};
use crate::spec::{
    recorded::{Content, Recorder},
    source::source,
};

/// A stream: the id of its aggregate, and a strategy of its events or [`history_of`] an aggregate.
pub struct Stream {
    id: String,
    values: BoxedStrategy<Value>,
    start: Box<dyn Fn() -> Box<dyn Machine>>,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The events that an aggregate decides when it gets these commands: only those that can happen, in an order in which they can.
///
/// ```
/// # use cqrs_core::prelude::*;
/// # use cqrs_testing::{laws::{ViewLaws, history_of}, proptest::prelude::*};
/// # #[derive(Debug, serde::Serialize, serde::Deserialize)] enum AccountEvent { Deposited { cents: u64 }, Withdrawn { cents: u64 } }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// # #[derive(Debug, Default)] struct Account(u64);
/// # impl Aggregate for Account {
/// #     type Command = i64; type Event = AccountEvent; type Error = std::fmt::Error;
/// #     fn handle(&self, cents: i64, _: &Context) -> Decision<Self> {
/// #         let absolute = cents.unsigned_abs();
/// #         if cents > 0 { return Ok(vec![AccountEvent::Deposited { cents: absolute }]) }
/// #         if absolute > self.0 { return Err(std::fmt::Error) }
/// #         Ok(vec![AccountEvent::Withdrawn { cents: absolute }])
/// #     }
/// #     fn apply(&mut self, event: AccountEvent) {
/// #         match event { AccountEvent::Deposited { cents } => self.0 += cents, AccountEvent::Withdrawn { cents } => self.0 -= cents }
/// #     }
/// # }
/// # struct Balances;
/// # impl View for Balances {
/// #     const NAME: &'static str = "balances"; type Events = AccountEvent; type Document = u64;
/// #     fn keys(&self, event: &Envelope<AccountEvent>) -> DocumentKeys { event.id().into() }
/// #     fn apply(&self, _: &str, balance: Option<u64>, event: &Envelope<AccountEvent>) -> Option<u64> {
/// #         let balance = balance.unwrap_or_default();
/// #         match &event.event { AccountEvent::Deposited { cents } => Some(balance + cents), AccountEvent::Withdrawn { cents } => Some(balance - cents) }
/// #     }
/// # }
/// // This view would panic on a withdrawal that the account rejects. There is none.
/// let ann = ("ann", history_of::<Account>(-100..100_i64)).into();
/// ViewLaws::new(|| Balances, vec![ann]).a_view_never_panics();
/// ```
pub fn history_of<A: Aggregate>(
    commands: impl Strategy<Value = A::Command> + 'static,
) -> HistoryOf<A> {
    HistoryOf(commands.boxed())
}

/// The events that an aggregate decides: see [`history_of`].
pub struct HistoryOf<A: Aggregate>(BoxedStrategy<A::Command>);

impl<A: Aggregate> fmt::Debug for HistoryOf<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HistoryOf").finish_non_exhaustive()
    }
}

/// What a stream is made of: a strategy of events, or [`history_of`] an aggregate.
pub trait StreamSource {
    /// The stream of the aggregate called `id`.
    fn into_stream(self, id: &str) -> Stream;
}

impl<S: Strategy<Value: Event + fmt::Debug> + 'static> StreamSource for S {
    fn into_stream(self, id: &str) -> Stream {
        Stream {
            id: id.to_owned(),
            values: self.prop_map(Value::new).boxed(),
            start: Box::new(|| Box::new(Generated::<S::Value>(PhantomData))),
        }
    }
}

impl<A: Aggregate<Command: fmt::Debug, Event: fmt::Debug>> StreamSource for HistoryOf<A> {
    fn into_stream(self, id: &str) -> Stream {
        let aggregate = id.to_owned();
        Stream {
            id: id.to_owned(),
            values: self.0.prop_map(Value::new).boxed(),
            start: Box::new(move || Box::new(Live::<A>::new(&aggregate))),
        }
    }
}

impl<S: StreamSource> From<(&str, S)> for Stream {
    fn from((id, source): (&str, S)) -> Self {
        source.into_stream(id)
    }
}

/// A generated event or command, with its text.
#[derive(Clone)]
struct Value {
    value: Arc<dyn Any + Send + Sync>,
    text: String,
}

impl Value {
    fn new<T: fmt::Debug + Send + Sync + 'static>(value: T) -> Self {
        let text = format!("{value:?}");
        let value = Arc::new(value);
        Self { value, text }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Makes the events of a stream.
trait Machine {
    /// The events that follow from an event or command; none if no store records them.
    fn events(&mut self, value: &(dyn Any + Send + Sync)) -> Vec<(Content, String)>;
}

/// Events as they were generated.
struct Generated<E>(PhantomData<fn() -> E>);

impl<E: Event + fmt::Debug> Machine for Generated<E> {
    fn events(&mut self, value: &(dyn Any + Send + Sync)) -> Vec<(Content, String)> {
        let event = value.downcast_ref::<E>().into_iter();
        let encoded = event.filter_map(|event| Some((Content::of(event).ok()?, source(event))));
        encoded.collect()
    }
}

impl<A: Aggregate<Event: fmt::Debug>> Machine for Live<A> {
    fn events(&mut self, value: &(dyn Any + Send + Sync)) -> Vec<(Content, String)> {
        let command = value.downcast_ref::<A::Command>();
        let sent = command.and_then(|command| self.send(command, Duration::ZERO).ok());
        let events = match sent {
            Some(Sent::Accepted(accepted)) => accepted.events,
            Some(Sent::Rejected(_)) | None => vec![],
        };
        let encoded = events.iter();
        encoded
            .filter_map(|event| Some((Content::of(event).ok()?, source(event))))
            .collect()
    }
}

/// A generated event or command on one of the streams.
#[derive(Clone)]
pub(super) struct Step {
    stream: usize,
    value: Value,
    /// Whether a batch ends behind it.
    ends_batch: bool,
}

impl fmt::Debug for Step {
    /// The end of a batch makes a step longer: without it, it is simpler.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.stream, self.value)?;
        f.write_str(if self.ends_batch {
            ", end of batch"
        } else {
            ""
        })
    }
}

/// An event on a stream, as it is recorded and as source.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) recorded: RecordedEvent,
    pub(super) source: String,
    pub(super) stream: usize,
    pub(super) ends_batch: bool,
}

/// All streams of a reader.
#[derive(Debug)]
pub(super) struct Streams(pub(super) Vec<Stream>);

impl Streams {
    /// A strategy of steps, on any of the streams.
    pub(super) fn steps(&self) -> impl Strategy<Value = Step> + use<> {
        let streams = self
            .0
            .iter()
            .map(|stream| stream.values.clone())
            .enumerate();
        let of_stream = |(stream, values): (usize, BoxedStrategy<Value>)| {
            let step = move |(value, ends_batch)| Step {
                stream,
                value,
                ends_batch,
            };
            (values, any::<bool>()).prop_map(step).boxed()
        };
        Union::new(streams.map(of_stream))
    }

    /// A count of the events on each stream.
    pub(super) fn tested(&self) -> tested::Streams {
        tested::Streams::new(self.0.iter().map(|stream| &*stream.id))
    }

    /// The events that follow from the steps, in their order.
    pub(super) fn receive(&self, steps: &[Step]) -> Vec<Received> {
        let mut machines: Vec<_> = self.0.iter().map(|stream| (stream.start)()).collect();
        let mut recorder = Recorder::default();
        let mut received = Vec::new();
        for step in steps {
            for (content, source) in machines[step.stream].events(&*step.value.value) {
                received.extend(recorder.record(&self.0[step.stream].id, content).map(
                    |recorded| Received {
                        recorded,
                        source,
                        stream: step.stream,
                        ends_batch: step.ends_batch,
                    },
                ));
            }
        }
        received
    }
}
