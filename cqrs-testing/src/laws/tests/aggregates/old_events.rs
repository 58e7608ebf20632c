//! Bugs in upcasters, and in states that older events reach.

use cqrs_core::{Aggregate, Context, Decision, Event, model::Upcaster};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{events::Recorder, *};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum PaidEvent {
    Paid { cents: u64, currency: String },
}
impl Event for PaidEvent {
    const CATEGORY: &'static str = "paid";
    const UPCASTERS: &'static [Upcaster] = &[Upcaster::json("Paid", 1, |old| {
        let currency = old["currency"].as_str().expect("a currency").to_owned();
        old["currency"] = currency.into();
    })];
}

fn any_old_payment() -> impl Strategy<Value = Value> {
    let currency = proptest::option::of(Just("EUR"));
    (any::<u64>(), currency).prop_map(|(cents, currency)| match currency {
        Some(currency) => json!({ "cents": cents, "currency": currency }),
        None => json!({ "cents": cents }),
    })
}

#[test]
fn an_upcaster_that_unwraps_an_optional_key_is_found() {
    let paid = Just(PaidEvent::Paid {
        cents: 1,
        currency: "EUR".into(),
    });
    let laws = AggregateLaws::<Recorder<PaidEvent>>::new(paid).config(config());
    let old = || ("Paid", 1, any_old_payment()).into();
    let text = broken(|| laws.old_events_stay_readable(vec![old()])).expect("it is broken");
    let test = r##"
this test fails until the law holds:

Spec::<Recorder<PaidEvent>>::new()
    .given_stored("Paid", 1, r#"{"cents":0}"#)
    .then_readable();
"##;
    assert!(text.contains(": it panicked: a currency\n"), "{text}");
    assert!(text.contains(test), "{text}");
    let with_currency =
        any_old_payment().prop_filter("a currency", |old| old.get("currency").is_some());
    let readable = vec![("Paid", 1, with_currency).into()];
    assert_eq!(broken(|| laws.old_events_stay_readable(readable)), None);
}

#[test]
fn an_event_in_the_catalogue_that_is_not_read_is_found() {
    /// The same events, before the step.
    #[derive(Debug, Serialize, Deserialize)]
    enum PaidEventV1 {
        Paid {
            cents: u64,
            currency: Option<String>,
        },
    }
    impl Event for PaidEventV1 {
        const CATEGORY: &'static str = "paid";
    }
    let folder = tempfolder();
    let file = folder.join("events.lock");
    let laws = AggregateLaws::<Recorder<PaidEvent>>::new(Just(PaidEvent::Paid {
        cents: 1,
        currency: "EUR".into(),
    }));
    let text = broken(|| laws.events_in_the_catalogue_stay_readable(&file)).expect("no file");
    assert!(
        text.contains("has no events of the category `paid`"),
        "{text}"
    );

    let catalogue = crate::Catalogue::new(&folder, "events.lock").events::<PaidEventV1>();
    catalogue.accept().expect("is written");
    let text = broken(|| laws.events_in_the_catalogue_stay_readable(&file));
    std::fs::remove_dir_all(&folder).expect("is removed");
    let text = text.expect("it is broken");
    let test = r##"
this test fails until the law holds:

Spec::<Recorder<PaidEvent>>::new()
    .given_stored("Paid", 1, r#"{"cents":1,"currency":null}"#)
    .then_readable();
"##;
    assert!(
        text.starts_with("broken law: events in the catalogue stay readable\n"),
        "{text}"
    );
    assert!(text.contains(": it panicked: a currency\n"), "{text}");
    assert!(text.contains(test), "{text}");
}

fn tempfolder() -> std::path::PathBuf {
    let name = format!("cqrs-laws-{}", std::process::id());
    std::env::temp_dir().join(name)
}

/// Money in a currency, which the state parses.
#[derive(Debug, Default, PartialEq)]
struct Wallet {
    opened: bool,
    cents: u64,
}
#[derive(Debug, Clone)]
enum WalletCommand {
    Open,
    Spend(u64),
}
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum WalletEvent {
    Opened,
    Spent { cents: u64, currency: String },
}
impl Event for WalletEvent {
    const CATEGORY: &'static str = "wallet";
    const UPCASTERS: &'static [Upcaster] = &[Upcaster::json("Spent", 1, |old| {
        if old.get("currency").is_none() {
            old["currency"] = "".into();
        }
    })];
}
impl Aggregate for Wallet {
    type Command = WalletCommand;
    type Event = WalletEvent;
    type Error = std::convert::Infallible;
    fn handle(&self, command: WalletCommand, _: &Context) -> Decision<Self> {
        Ok(match command {
            WalletCommand::Open if !self.opened => vec![WalletEvent::Opened],
            WalletCommand::Spend(cents) if self.opened => {
                let currency = "EUR".to_owned();
                vec![WalletEvent::Spent { cents, currency }]
            }
            _ => vec![],
        })
    }
    fn apply(&mut self, event: WalletEvent) {
        match event {
            WalletEvent::Opened => self.opened = true,
            WalletEvent::Spent { cents, currency } => {
                assert!(self.opened, "the wallet is open");
                assert_eq!(currency, "EUR", "a known currency");
                self.cents += cents;
            }
        }
    }
}

fn wallet() -> AggregateLaws<Wallet> {
    let spend = (1..100_u64).prop_map(WalletCommand::Spend);
    AggregateLaws::new(prop_oneof![Just(WalletCommand::Open), spend]).config(config())
}

/// The event decodes, so only a state shows the bug.
#[test]
fn an_older_event_that_no_state_takes_is_found() {
    let old = vec![("Spent", 1, Just(json!({ "cents": 5 }))).into()];
    let text = broken(|| wallet().old_events_stay_readable(old)).expect("it is broken");
    assert!(text.contains("apply panicked on it in each of "), "{text}");
    assert!(text.contains(": a known currency"), "{text}");
    let test = r##"
Spec::<Wallet>::new()
    .given([WalletEvent::Opened])
    .given_stored("Spent", 1, r#"{"cents":5}"#)
    .then_readable();
"##;
    assert!(text.contains(test), "{text}");
    failure(|| {
        Spec::<Wallet>::new()
            .given([WalletEvent::Opened])
            .given_stored("Spent", 1, r#"{"cents":5}"#)
            .then_readable();
    });
}

/// On a wallet that is not open, `apply` would panic. The aggregate decides no such event there.
#[test]
fn an_older_event_is_applied_where_it_can_happen() {
    let old = || vec![("Spent", 1, Just(json!({ "cents": 5, "currency": "EUR" }))).into()];
    assert_eq!(broken(|| wallet().old_events_stay_readable(old())), None);
}

#[test]
fn an_older_event_is_not_applied_without_a_state() {
    let spend = (1..100_u64).prop_map(WalletCommand::Spend);
    let laws = AggregateLaws::<Wallet>::new(spend).config(config());
    let old = vec![("Spent", 1, Just(json!({ "cents": 5, "currency": "EUR" }))).into()];
    let text = broken(|| laws.old_events_stay_readable(old)).expect("it is broken");
    assert!(
        text.starts_with(
            "untested law: old events stay readable\n\nno event happened in 64 histories"
        ),
        "{text}"
    );
}
