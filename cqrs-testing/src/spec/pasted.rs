//! What a failure prints compiles and passes: the texts are checked in, and are tests themselves.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use cqrs_core::{
    Aggregate, Context, Decision, DocumentKeys, Envelope, Event, Metadata, OnRejected, Reactor,
    Rejection, StreamId, To, View, commands, model::Upcaster,
};
use serde::{Deserialize, Serialize};

use super::fails::{failure, printed};
use crate::{Spec, event_id};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Line {
    sku: String,
    count: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum OrderEvent {
    Placed {
        lines: Vec<Line>,
        note: Option<String>,
        prices: BTreeMap<String, u64>,
        tags: BTreeSet<String>,
    },
    Cancelled {
        at: SystemTime,
        after: Duration,
        by: String,
    },
}
impl Event for OrderEvent {
    const CATEGORY: &'static str = "order";
    const UPCASTERS: &'static [Upcaster] = &[Upcaster::json("Cancelled", 1, |old| {
        old["by"] = "ann".into();
    })];
}

#[derive(Debug, Clone, PartialEq)]
enum OrderCommand {
    Place { lines: Vec<Line> },
    Cancel,
}

#[derive(Debug, PartialEq, thiserror::Error)]
enum OrderError {
    #[error("{0} are too many")]
    TooMany(u32),
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Order {
    lines: Vec<Line>,
    tags: BTreeSet<String>,
    cancelled: Option<SystemTime>,
}
impl Aggregate for Order {
    type Command = OrderCommand;
    type Event = OrderEvent;
    type Error = OrderError;
    fn handle(&self, command: OrderCommand, context: &Context) -> Decision<Self> {
        match command {
            OrderCommand::Place { lines } => {
                let many = lines.iter().find(|line| line.count > 9);
                match many {
                    Some(line) => Err(OrderError::TooMany(line.count)),
                    None => Ok(vec![placed(lines)]),
                }
            }
            OrderCommand::Cancel => {
                let user = context.metadata.headers.get("user");
                Ok(vec![OrderEvent::Cancelled {
                    at: context.now,
                    after: Duration::from_millis(1_500),
                    by: user.cloned().unwrap_or_default(),
                }])
            }
        }
    }
    fn apply(&mut self, event: OrderEvent) {
        match event {
            OrderEvent::Placed { lines, tags, .. } => {
                self.lines = lines;
                self.tags = tags;
            }
            OrderEvent::Cancelled { at, .. } => self.cancelled = Some(at),
        }
    }
}

fn lines(count: u32) -> Vec<Line> {
    let sku = "say \"hi\", {please}".to_owned();
    vec![Line { sku, count }]
}

fn placed(lines: Vec<Line>) -> OrderEvent {
    OrderEvent::Placed {
        note: Some("it's [soon]".to_owned()),
        prices: lines.iter().map(|line| (line.sku.clone(), 5)).collect(),
        tags: ["new".to_owned()].into(),
        lines,
    }
}

/// The orders above a number of lines.
#[derive(Debug)]
struct Above(usize);
/// All orders.
#[derive(Debug)]
struct Orders;

/// Declares a view that shows the numbers of the lines.
macro_rules! view {
    ($view:ident, $least:expr) => {
        impl View for $view {
            const NAME: &'static str = "orders";
            type Events = OrderEvent;
            type Document = Vec<u32>;
            fn keys(&self, event: &Envelope<OrderEvent>) -> DocumentKeys {
                event.id().into()
            }
            fn apply(
                &self,
                _: &str,
                counts: Option<Vec<u32>>,
                event: &Envelope<OrderEvent>,
            ) -> Option<Vec<u32>> {
                let least: fn(&Self) -> usize = $least;
                match &event.event {
                    OrderEvent::Placed { lines, .. } if lines.len() > least(self) => {
                        Some(lines.iter().map(|line| line.count).collect())
                    }
                    _ => counts,
                }
            }
        }
    };
}
view!(Orders, |_| 0);
view!(Above, |view| view.0);

#[derive(Debug, Default)]
struct Lamp;
impl Aggregate for Lamp {
    type Command = Option<u8>;
    type Event = OrderEvent;
    type Error = std::convert::Infallible;
    fn handle(&self, _: Option<u8>, _: &Context) -> Decision<Self> {
        Ok(vec![])
    }
    fn apply(&mut self, _: OrderEvent) {}
}

commands! {
    #[derive(Debug, PartialEq)]
    enum Shop { Order(Order), Lamp(Lamp) }
}

#[derive(Debug)]
struct Keeper;
impl Reactor for Keeper {
    const NAME: &'static str = "keeper";
    type Events = OrderEvent;
    type Commands = Shop;
    fn react(&self, event: &Envelope<OrderEvent>) -> Vec<Shop> {
        let lines = lines(2);
        match event.event {
            OrderEvent::Placed { .. } => vec![
                To::<Order>::new("next", OrderCommand::Place { lines }).into(),
                To::<Lamp>::new(event.id(), Some(1)).into(),
            ],
            OrderEvent::Cancelled { .. } => vec![To::<Lamp>::new(event.id(), None).into()],
        }
    }
    fn rejected(&self, _: &Envelope<OrderEvent>, _: &Rejection) -> OnRejected<Shop> {
        OnRejected::Instead(vec![To::<Order>::new("next", OrderCommand::Cancel).into()])
    }
}

fn too_many() -> Rejection {
    let stream = StreamId::of::<OrderEvent>("o-1").expect("a valid id");
    Rejection::new(stream, OrderError::TooMany(10))
}

fn conversation() -> Metadata {
    let headers = [("user".to_owned(), "bob".to_owned())].into();
    Metadata::new(Some("c".to_owned()), Some(event_id(7)), None, headers)
}

/// The printed tests, as the source of a module. A name that stands for a value of the test is defined first.
fn printed_tests() -> String {
    let test = |name: &str, defined: &str, failed: fn()| {
        let text = failure(failed);
        let text = printed(&text).replace('\n', "\n    ");
        format!("#[test]\nfn {name}() {{\n{defined}    {text}\n}}\n")
    };
    [
        test("events", "", || {
            let later = SystemTime::UNIX_EPOCH + Duration::from_secs(9);
            Spec::<Order>::new()
                .id("o-1")
                .at(later)
                .header("user", "ann")
                .given([placed(lines(1))])
                .when(OrderCommand::Cancel)
                .then_nothing();
        }),
        test("events_with_collections", "", || {
            Spec::<Order>::new()
                .metadata(conversation())
                .when(OrderCommand::Place { lines: lines(3) })
                .then_nothing();
        }),
        test("a_rejection", "", || {
            Spec::<Order>::new()
                .when(OrderCommand::Place { lines: lines(10) })
                .then_nothing();
        }),
        test("a_state", "", || {
            Spec::<Order>::new()
                .given([placed(lines(1))])
                .given_stored(
                    "Cancelled",
                    1,
                    r#"{"at":{"secs_since_epoch":9,"nanos_since_epoch":0},"after":{"secs":1,"nanos":0}}"#,
                )
                .snapshot()
                .then_state(Order::default());
        }),
        test(
            "a_property",
            "    let property = |order: &Order| order.tags.clone();\n",
            || {
                Spec::<Order>::new()
                    .given([placed(lines(1))])
                    .then_state_has(|order| order.tags.clone(), BTreeSet::new());
            },
        ),
        test("documents", "", || {
            Spec::view(Orders)
                .given("o-1", [placed(lines(1))])
                .when("o-2", placed(lines(2)))
                .again()
                .rebuild()
                .then_nothing();
        }),
        test("documents_of_a_value", "    let view = Above(0);\n", || {
            Spec::view(Above(0))
                .when("o-2", placed(lines(2)))
                .again_last(1)
                .then_nothing();
        }),
        test("commands_of_a_union", "", || {
            Spec::reactor(Keeper)
                .given("o-1", [placed(lines(1))])
                .when("o-1", placed(lines(1)))
                .then_nothing();
        }),
        test("commands_for_a_stored_event", "", || {
            Spec::reactor(Keeper)
                .when_stored::<OrderEvent>(
                    "o-1",
                    "Cancelled",
                    1,
                    r#"{"at":{"secs_since_epoch":9,"nanos_since_epoch":0},"after":{"secs":1,"nanos":0}}"#,
                )
                .then_nothing();
        }),
        test(
            "commands_after_a_rejection",
            "    let rejection = too_many();\n",
            || {
                Spec::reactor(Keeper)
                    .when_rejected("o-1", placed(lines(1)), &too_many())
                    .then_fail();
            },
        ),
    ]
    .join("\n")
}

#[test]
fn the_printed_tests_are_those_that_are_compiled() {
    let printed = printed_tests();
    assert!(
        printed == include_str!("pasted/printed.rs"),
        "spec/pasted/printed.rs should be:\n\n{printed}"
    );
}

/// What was printed, compiled and run.
#[allow(clippy::all, clippy::str_to_string, reason = "it is as it was printed")]
mod tests_to_paste {
    use super::*;

    include!("pasted/printed.rs");
}
