//! An account whose events have changed five times.

use cqrs_core::{
    Aggregate, Context, Decision, Event, EventId, EventStore, ExpectedVersion, Metadata, StreamId,
    model::{NewEvent, Part, Upcaster},
    ports::Append,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum AccountEvent {
    Opened {
        owner: String,
    },
    Deposited {
        amount: u64,
        currency: String,
        by: String,
    },
}

impl Event for AccountEvent {
    const CATEGORY: &'static str = "account";
    const UPCASTERS: &'static [Upcaster] = &[
        Upcaster::typed::<DepositedV1, DepositedV2>("Deposited", 1),
        Upcaster::json("Deposited", 2, |payload| payload["currency"] = "EUR".into()),
        Upcaster::json("Deposited", 3, |payload| {
            payload["amount"] = payload["cents"].take();
        }),
        Upcaster::json("Deposited", 4, |payload| payload["by"] = "unknown".into()),
        Upcaster::split(
            "Opened",
            1,
            &[("Opened", 2), ("Deposited", 1)],
            opened_with_a_deposit,
        ),
        Upcaster::renamed("Created", 1, "Opened", 1),
        Upcaster::dropped("Pinged", 1),
    ];
}

#[derive(Deserialize)]
struct DepositedV1 {
    euros: u64,
}

#[derive(Serialize)]
struct DepositedV2 {
    cents: u64,
}

impl From<DepositedV1> for DepositedV2 {
    fn from(old: DepositedV1) -> Self {
        Self {
            cents: old.euros * 100,
        }
    }
}

fn opened_with_a_deposit(old: &Value) -> Vec<Part> {
    let opened = Part::new("Opened", json!({ "owner": old["owner"] }));
    let deposited = |euros: &Value| Part::new("Deposited", json!({ "euros": euros }));
    let deposited = old.get("euros").map(deposited);
    std::iter::once(opened).chain(deposited).collect()
}

/// The state counts the calls of `apply`.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) owner: String,
    pub(super) cents: u64,
    pub(super) applied: u64,
}

impl Aggregate for Account {
    type Command = u64;
    type Event = AccountEvent;
    type Error = std::convert::Infallible;

    fn handle(&self, amount: u64, _: &Context) -> Decision<Self> {
        Ok(vec![AccountEvent::Deposited {
            amount,
            currency: "EUR".into(),
            by: format!("after {}", self.cents),
        }])
    }

    fn apply(&mut self, event: AccountEvent) {
        self.applied += 1;
        match event {
            AccountEvent::Opened { owner } => self.owner = owner,
            AccountEvent::Deposited { amount, .. } => self.cents += amount,
        }
    }
}

/// Another service's reader of deposits. It needs the owner's upcasters and one of the fields.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum DepositEvent {
    Deposited { amount: u64 },
}

impl Event for DepositEvent {
    const CATEGORY: &'static str = "account";
    const PARTIAL: bool = true;
    const UPCASTERS: &'static [Upcaster] = AccountEvent::UPCASTERS;
}

pub(in crate::contract) fn stored(
    event_type: &'static str,
    version: u32,
    payload: &Value,
) -> NewEvent {
    let payload = payload.to_string().into_bytes();
    let event = NewEvent::from_parts(EventId::random(), event_type, payload, Metadata::default());
    event.schema_version(version)
}

/// Seven stored events, which are seven events now: one was split, one was dropped.
pub(super) fn of_five_versions() -> Vec<NewEvent> {
    let newest = json!({ "amount": 500, "currency": "EUR", "by": "ann" });
    vec![
        stored("Created", 1, &json!({ "owner": "ann", "euros": 1 })),
        stored("Pinged", 1, &Value::Null),
        stored("Deposited", 1, &json!({ "euros": 1 })),
        stored("Deposited", 2, &json!({ "cents": 200 })),
        stored("Deposited", 3, &json!({ "cents": 300, "currency": "EUR" })),
        stored("Deposited", 4, &json!({ "amount": 400, "currency": "EUR" })),
        stored("Deposited", 5, &newest),
    ]
}

/// What they are together.
pub(super) fn account_of_five_versions() -> Account {
    Account {
        owner: "ann".to_owned(),
        cents: 1_600,
        applied: 7,
    }
}

pub(super) async fn store_events<S: EventStore>(store: &S, id: &str, events: Vec<NewEvent>) {
    let stream = StreamId::of::<AccountEvent>(id).expect("a valid id");
    let append = Append::new(stream, ExpectedVersion::Any, events);
    store.append(append).await.expect("appends");
}
