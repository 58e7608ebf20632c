//! The expectations of aggregates, and the full texts of their failures.

mod stored;

use std::time::{Duration, SystemTime};

use cqrs_core::{Context, Decision, Event};
use serde::{Deserialize, Serialize};

use super::*;
use crate::spec::fails::failure;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum TillEvent {
    Opened { by: String },
    Sold { cents: u64 },
}
impl Event for TillEvent {
    const CATEGORY: &'static str = "till";
}

#[derive(Debug, Clone)]
enum TillCommand {
    Open { by: String },
    Sell { cents: u64 },
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("the till is closed")]
struct Closed;

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Till {
    open: bool,
    cents: u64,
}

impl Aggregate for Till {
    type Command = TillCommand;
    type Event = TillEvent;
    type Error = Closed;

    fn handle(&self, command: TillCommand, _: &Context) -> Decision<Self> {
        match command {
            TillCommand::Open { .. } if self.open => Ok(vec![]),
            TillCommand::Open { by } => Ok(vec![TillEvent::Opened { by }]),
            TillCommand::Sell { .. } if !self.open => Err(Closed),
            TillCommand::Sell { cents } => Ok(vec![TillEvent::Sold { cents }]),
        }
    }

    fn apply(&mut self, event: TillEvent) {
        match event {
            TillEvent::Opened { .. } => self.open = true,
            TillEvent::Sold { cents } => self.cents += cents,
        }
    }
}

fn opened() -> TillEvent {
    let by = "Ann".to_owned();
    TillEvent::Opened { by }
}

fn sell() -> Outcome<Till> {
    Spec::<Till>::new()
        .given([opened()])
        .when(TillCommand::Sell { cents: 5 })
}

#[test]
fn a_met_expectation_passes() {
    let open = |by: &str| TillCommand::Open { by: by.to_owned() };
    Spec::<Till>::new().when(open("Ann")).then([opened()]);
    Spec::<Till>::new()
        .given([opened()])
        .when(open("Bob"))
        .then_nothing();
    Spec::<Till>::new()
        .when(TillCommand::Sell { cents: 5 })
        .then_rejected(Closed);
    let cents = 5;
    sell().then_state(Till { open: true, cents });
    sell().then_state_has(|till| till.cents, 5);
    Spec::<Till>::new()
        .given([opened()])
        .snapshot()
        .then_state_has(|till| till.open, true);
}

#[test]
fn other_events_fail_with_the_difference_and_a_test() {
    let text = failure(|| sell().then([TillEvent::Sold { cents: 6 }]));
    assert_eq!(
        text,
        r#"events differ (- expected, + actual):
    [
        Sold {
  -         cents: 6,
  +         cents: 5,
        },
    ]

this would pass:

Spec::<Till>::new()
    .given([TillEvent::Opened { by: "Ann".into() }])
    .when(TillCommand::Sell { cents: 5 })
    .then([TillEvent::Sold { cents: 5 }]);
"#
    );
}

#[test]
fn lists_are_exact() {
    failure(|| sell().then_nothing());
    let sold = || TillEvent::Sold { cents: 5 };
    failure(move || sell().then([sold(), sold()]));
}

#[test]
fn a_rejection_is_not_an_empty_list() {
    let text = failure(|| {
        Spec::<Till>::new()
            .when(TillCommand::Sell { cents: 5 })
            .then_nothing();
    });
    assert_eq!(
        text,
        "outcomes differ (- expected, + actual):
  - []
  + rejected: the till is closed

this would pass:

Spec::<Till>::new()
    .when(TillCommand::Sell { cents: 5 })
    .then_rejected(Closed);
"
    );
}

#[test]
fn events_are_not_a_rejection() {
    assert_eq!(
        failure(|| sell().then_rejected(Closed)),
        r#"outcomes differ (- expected, + actual):
  - rejected: the till is closed
  + [
  +     Sold {
  +         cents: 5,
  +     },
  + ]

this would pass:

Spec::<Till>::new()
    .given([TillEvent::Opened { by: "Ann".into() }])
    .when(TillCommand::Sell { cents: 5 })
    .then([TillEvent::Sold { cents: 5 }]);
"#
    );
}

#[test]
fn another_state_fails_with_the_difference_and_a_test() {
    let (open, cents) = (true, 6);
    assert_eq!(
        failure(move || sell().then_state(Till { open, cents })),
        r#"states differ (- expected, + actual):
    Till {
        open: true,
  -     cents: 6,
  +     cents: 5,
    }

this would pass:

Spec::<Till>::new()
    .given([TillEvent::Opened { by: "Ann".into() }])
    .when(TillCommand::Sell { cents: 5 })
    .then_state(Till { open: true, cents: 5 });
"#
    );
    let text = failure(|| sell().then_state_has(|till| till.cents, 6));
    assert!(text.contains("  - 6\n  + 5\n"), "{text}");
    assert!(
        text.contains("\n// `property`: as in the test that failed.\nSpec::<Till>::new()"),
        "{text}"
    );
    assert!(
        text.contains("\n    .then_state_has(property, 5);\n"),
        "{text}"
    );
}

#[test]
fn a_rejected_command_has_no_state_after_it() {
    let text = failure(|| {
        Spec::<Till>::new()
            .when(TillCommand::Sell { cents: 5 })
            .then_state(Till::default());
    });
    assert!(
        text.contains("  - accepted\n  + rejected: the till is closed\n"),
        "{text}"
    );
}

/// Opens for the user, with the id of the till, at the time of the command.
#[derive(Debug, Default)]
struct Clock;
impl Aggregate for Clock {
    type Command = ();
    type Event = TillEvent;
    type Error = Closed;
    fn handle(&self, (): (), context: &Context) -> Decision<Self> {
        let seconds = context.now.duration_since(SystemTime::UNIX_EPOCH);
        let seconds = seconds.expect("after 1970").as_secs();
        let user = context.metadata.headers.get("user");
        let (id, version) = (&context.id, context.version);
        let by = format!("{id}@{version} at {seconds} for {user:?}");
        Ok(vec![TillEvent::Opened { by }])
    }
    fn apply(&mut self, _: TillEvent) {}
}

#[test]
fn the_context_of_the_command_can_be_set() {
    let later = SystemTime::UNIX_EPOCH + Duration::from_secs(9);
    let opened = |by: &str| [TillEvent::Opened { by: by.to_owned() }];
    let default = opened("spec@0 at 0 for None");
    Spec::<Clock>::new().when(()).then(default);
    Spec::<Clock>::new()
        .id("a")
        .given(opened("Ann"))
        .at(later)
        .header("user", "ann")
        .when(())
        .then(opened("a@1 at 9 for Some(\"ann\")"));
}

#[test]
fn the_test_to_paste_sets_the_context_too() {
    let later = SystemTime::UNIX_EPOCH + Duration::from_secs(9);
    let text = failure(move || {
        Spec::<Clock>::new()
            .id("a")
            .at(later)
            .header("user", "ann")
            .when(())
            .then_nothing();
    });
    let test = r#"
Spec::<Clock>::new()
    .id("a")
    .at(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(9))
    .header("user", "ann")
    .when(())
    .then([TillEvent::Opened { by: "a@0 at 9 for Some(\"ann\")".into() }]);
"#;
    assert!(text.ends_with(test), "{text}");
}
