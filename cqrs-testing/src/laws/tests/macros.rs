//! The forms of the macro, and what a search takes from proptest's configuration.

use std::{cell::Cell, time::Duration};

use cqrs_core::{
    Aggregate, Context, Decision, DocumentKeys, Envelope, Event, Reactor, To, View, model::Upcaster,
};
use proptest::{prelude::*, test_runner::FileFailurePersistence};
use serde::{Deserialize, Serialize};

use super::*;
use crate::laws::{broken::Broken, history_of, search::Search};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum DoorEvent {
    Opened { at: u64 },
    Closed,
}
impl Event for DoorEvent {
    const CATEGORY: &'static str = "door";
    const UPCASTERS: &'static [Upcaster] =
        &[Upcaster::json("Opened", 1, |old| old["at"] = 0.into())];
}

/// Closes a minute after it was opened.
#[derive(Debug, Default, PartialEq)]
struct Door {
    opened_at: Option<u64>,
}
impl Aggregate for Door {
    type Command = bool;
    type Event = DoorEvent;
    type Error = std::fmt::Error;
    fn handle(&self, open: bool, context: &Context) -> Decision<Self> {
        let now = context
            .now
            .duration_since(std::time::SystemTime::UNIX_EPOCH);
        let at = now.map_err(|_| std::fmt::Error)?.as_secs();
        Ok(match (open, self.opened_at) {
            (true, None) => vec![DoorEvent::Opened { at }],
            (false, Some(opened)) if at < opened + 60 => return Err(std::fmt::Error),
            (false, Some(_)) => vec![DoorEvent::Closed],
            _ => vec![],
        })
    }
    fn apply(&mut self, event: DoorEvent) {
        self.opened_at = match event {
            DoorEvent::Opened { at } => Some(at),
            DoorEvent::Closed => None,
        };
    }
}

#[derive(Debug)]
struct OpenSince(u64);
impl View for OpenSince {
    const NAME: &'static str = "open since";
    type Events = DoorEvent;
    type Document = u64;
    fn keys(&self, event: &Envelope<DoorEvent>) -> DocumentKeys {
        event.id().into()
    }
    fn apply(&self, _: &str, _: Option<u64>, event: &Envelope<DoorEvent>) -> Option<u64> {
        match event.event {
            DoorEvent::Opened { at } => Some(at + self.0),
            DoorEvent::Closed => None,
        }
    }
}

#[derive(Debug)]
struct Shut;
impl Reactor for Shut {
    const NAME: &'static str = "shut";
    type Events = DoorEvent;
    type Commands = To<Door>;
    fn react(&self, event: &Envelope<DoorEvent>) -> Vec<To<Door>> {
        match event.event {
            DoorEvent::Opened { .. } => vec![To::new(event.id(), false)],
            DoorEvent::Closed => vec![],
        }
    }
}

fn any_pause() -> impl Strategy<Value = Duration> {
    (0..100_u64).prop_map(Duration::from_secs)
}

mod an_aggregate_and_a_view_in_one_module {
    use super::*;

    crate::laws! { Door: commands = any::<bool>(), without snapshots, repeats, pauses = any_pause(), config = config(),
    old = [("Opened", 1, Just(serde_json::json!({})))] }
    crate::laws! { view OpenSince(0) over topics [("a", history_of::<Door>(any::<bool>())), ("b", Just(DoorEvent::Closed))],
    duplicates, longest = 5, config = config() }
    crate::laws! { reactor Shut over [("a", history_of::<Door>(any::<bool>()))], config = config() }
}

/// The events of the file that the repository has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum AccountEvent {
    Opened { owner: String },
    Deposited { cents: u64, note: Option<String> },
}
impl Event for AccountEvent {
    const CATEGORY: &'static str = "account";
}

#[derive(Debug, Default, PartialEq)]
struct Account;
impl Aggregate for Account {
    type Command = AccountEvent;
    type Event = AccountEvent;
    type Error = std::convert::Infallible;
    fn handle(&self, event: AccountEvent, _: &Context) -> Decision<Self> {
        Ok(vec![event])
    }
    fn apply(&mut self, _: AccountEvent) {}
}

fn any_account_event() -> impl Strategy<Value = AccountEvent> {
    let opened = Just(AccountEvent::Opened {
        owner: "Ann".into(),
    });
    let deposited = any::<u64>().prop_map(|cents| AccountEvent::Deposited { cents, note: None });
    prop_oneof![opened, deposited]
}

mod events_of_a_file {
    use super::*;

    crate::laws! { Account: commands = any_account_event(), without snapshots, catalogue = "tests/events.lock", config = config() }
}

crate::laws! { mod a_module_of_its_own { reactor Shut over [("a", history_of::<Door>(any::<bool>()))], config = config() } }

const NOTHING: Result<(), Broken> = Ok(());

fn search(config: Config) -> Search {
    Search {
        config,
        ..Search::default()
    }
}

#[test]
fn as_many_histories_are_tried_as_configured() {
    let histories = Cell::new(0);
    let count = |_: &[u8]| {
        histories.set(histories.get() + 1);
        NOTHING
    };
    let config = Config {
        cases: 7,
        ..config()
    };
    search(config).run("none", &any::<u8>(), count);
    assert_eq!(histories.get(), 7);
}

/// A law that no history with two large numbers keeps.
fn two_large(numbers: &[u32]) -> Result<(), Broken> {
    match numbers.iter().filter(|number| **number > 1_000).count() {
        0 | 1 => Ok(()),
        _ => Err(Broken::new(format!("{numbers:?}"), "a test")),
    }
}

#[test]
fn the_printed_seed_repeats_the_run() {
    let run = |config| broken(|| search(config).run("at most one", &any::<u32>(), two_large));
    let random = Config {
        rng_seed: RngSeed::Random,
        ..config()
    };
    let text = run(random).expect("it is broken");
    assert!(text.contains("\n[1001, 1001]\n"), "{text}");
    let seed = text.split("PROPTEST_RNG_SEED=").nth(1);
    let seed = seed.and_then(|rest| rest.split(' ').next()?.parse().ok());
    let seed = RngSeed::Fixed(seed.expect("a number"));
    let again = Config {
        rng_seed: seed,
        ..config()
    };
    assert_eq!(run(again), Some(text));
}

#[test]
fn a_failure_is_kept_and_tried_first() {
    let file = std::env::temp_dir().join(format!("laws-{}.txt", std::process::id()));
    let path: &'static str = Box::leak(file.display().to_string().into_boxed_str());
    let kept = || Config {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(path))),
        rng_seed: RngSeed::Random,
        ..Config::with_cases(1)
    };
    let found = (0..200)
        .any(|_| broken(|| search(kept()).run("at most one", &any::<u32>(), two_large)).is_some());
    assert!(found, "two large numbers in 200 runs of one case");
    let lines = std::fs::read_to_string(path).expect("it is kept");
    assert!(lines.contains("# shrinks to a history of "), "{lines}");
    let again = broken(|| search(kept()).run("at most one", &any::<u32>(), two_large));
    std::fs::remove_file(path).expect("it is there");
    assert!(again.is_some(), "the kept history is tried again");
}
