use std::panic::catch_unwind;

use cqrs_core::Event;
use serde::{Deserialize, Serialize};

use cqrs_core::Context;

use super::*;

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

#[derive(Debug, Default)]
struct Till {
    open: bool,
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
        self.open |= matches!(event, TillEvent::Opened { .. });
    }
}

fn opened() -> TillEvent {
    TillEvent::Opened {
        by: "Ann".to_owned(),
    }
}

fn message(test: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let panic = catch_unwind(test).expect_err("the specification must fail");
    panic
        .downcast_ref::<String>()
        .expect("a formatted message")
        .clone()
}

#[test]
fn a_met_expectation_passes() {
    Spec::<Till>::new()
        .when(TillCommand::Open {
            by: "Ann".to_owned(),
        })
        .then([opened()]);
    Spec::<Till>::new()
        .given([opened()])
        .when(TillCommand::Open {
            by: "Bob".to_owned(),
        })
        .then_nothing();
    Spec::<Till>::new()
        .when(TillCommand::Sell { cents: 5 })
        .then_rejected(Closed);
}

#[test]
fn a_failure_shows_the_difference_and_the_test_that_would_pass() {
    let text = message(|| {
        Spec::<Till>::new()
            .given([opened()])
            .when(TillCommand::Sell { cents: 5 })
            .then([TillEvent::Sold { cents: 6 }]);
    });
    assert!(
        text.contains("  -         cents: 6,\n  +         cents: 5,\n"),
        "{text}"
    );
    let passing = "Spec::<Till>::new()\n    .given([TillEvent::Opened { by: \"Ann\".into() }])\n    \
                   .when(TillCommand::Sell { cents: 5 })\n    .then([TillEvent::Sold { cents: 5 }]);";
    assert!(text.contains(passing), "{text}");
}

#[test]
fn lists_are_exact_and_a_rejection_is_not_an_empty_list() {
    let sell = || {
        Spec::<Till>::new()
            .given([opened()])
            .when(TillCommand::Sell { cents: 5 })
    };
    message(move || sell().then_nothing());
    message(move || sell().then([TillEvent::Sold { cents: 5 }, TillEvent::Sold { cents: 5 }]));
    message(move || sell().then_rejected(Closed));
    let text = message(|| {
        Spec::<Till>::new()
            .when(TillCommand::Sell { cents: 5 })
            .then_nothing();
    });
    assert!(
        text.contains("rejected: the till is closed") && text.contains(".then_rejected(Closed);"),
        "{text}"
    );
}

/// Opens with the id of the till, at the time of the command.
#[derive(Debug, Default)]
struct Clock;
impl Aggregate for Clock {
    type Command = ();
    type Event = TillEvent;
    type Error = Closed;
    fn handle(&self, (): (), context: &Context) -> Decision<Self> {
        let seconds = context.now.duration_since(SystemTime::UNIX_EPOCH);
        let seconds = seconds.expect("after 1970").as_secs();
        let by = format!("{} at {seconds}", context.id);
        Ok(vec![TillEvent::Opened { by }])
    }
    fn apply(&mut self, _: TillEvent) {}
}

#[test]
fn the_id_and_the_time_can_be_set_without_events() {
    let later = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(9);
    let opened = |by: &str| [TillEvent::Opened { by: by.to_owned() }];
    Spec::<Clock>::new().when(()).then(opened("spec at 0"));
    Spec::<Clock>::new().id("a").when(()).then(opened("a at 0"));
    Spec::<Clock>::new()
        .at(later)
        .id("a")
        .when(())
        .then(opened("a at 9"));
}
