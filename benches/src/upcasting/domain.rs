//! One event in three generations, in two categories: one has current events only, in the other half of them are old.

use std::convert::Infallible;

use cqrs_core::{
    Aggregate, Context, Decision, DocumentKeys, Envelope, Event, View, model::Upcaster,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

const NOTE: &str = "as agreed in the letter of March";

/// Generation 1 had euros, generation 2 cents, generation 3 has a note.
const STEPS: &[Upcaster] = &[
    Upcaster::typed::<DepositedV1, DepositedV2>("Deposited", 1),
    Upcaster::json("Deposited", 2, |payload: &mut Value| {
        payload["note"] = NOTE.into();
    }),
];

#[derive(Deserialize)]
struct DepositedV1 {
    euros: u64,
    reference: String,
}

#[derive(Serialize)]
struct DepositedV2 {
    cents: u64,
    reference: String,
}

impl From<DepositedV1> for DepositedV2 {
    fn from(old: DepositedV1) -> Self {
        Self {
            cents: old.euros.saturating_mul(100),
            reference: old.reference,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Movement {
    Deposited {
        cents: u64,
        reference: String,
        note: String,
    },
}

/// The schema version and the payload of the event with this number.
pub(super) fn stored(number: u32, is_old: bool) -> (u32, String) {
    let euros = number % 1_000 + 1;
    let reference = format!("RF{number:012}");
    if is_old {
        (
            1,
            format!(r#"{{"euros":{euros},"reference":"{reference}"}}"#),
        )
    } else {
        let cents = euros * 100;
        (
            3,
            format!(r#"{{"cents":{cents},"reference":"{reference}","note":"{NOTE}"}}"#),
        )
    }
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Total {
    cents: u64,
    movements: u64,
    last: String,
}

impl Total {
    fn add(&mut self, movement: &Movement) {
        let Movement::Deposited {
            cents, reference, ..
        } = movement;
        self.cents = self.cents.saturating_add(*cents);
        self.movements += 1;
        self.last.clone_from(reference);
    }
}

/// Declares a category of movements with its aggregate and its view.
macro_rules! category {
    ($event:ident, $account:ident, $totals:ident, $name:literal) => {
        #[derive(Debug, Clone, Serialize, Deserialize)]
        #[serde(transparent)]
        pub(super) struct $event(Movement);

        impl Event for $event {
            const CATEGORY: &'static str = $name;
            const UPCASTERS: &'static [Upcaster] = STEPS;
        }

        #[derive(Debug, Default, Clone)]
        pub(super) struct $account(Total);

        impl Aggregate for $account {
            type Command = ();
            type Event = $event;
            type Error = Infallible;

            fn handle(&self, (): (), _: &Context) -> Decision<Self> {
                Ok(Vec::new())
            }

            fn apply(&mut self, event: $event) {
                self.0.add(&event.0);
            }
        }

        #[derive(Debug)]
        pub(super) struct $totals;

        impl View for $totals {
            const NAME: &'static str = $name;
            type Events = $event;
            type Document = Total;

            fn keys(&self, event: &Envelope<$event>) -> DocumentKeys {
                event.id().into()
            }

            fn apply(
                &self,
                _: &str,
                total: Option<Total>,
                event: &Envelope<$event>,
            ) -> Option<Total> {
                let mut total = total.unwrap_or_default();
                total.add(&event.event.0);
                Some(total)
            }
        }
    };
}

category!(Current, CurrentAccount, CurrentTotals, "current");
category!(Mixed, MixedAccount, MixedTotals, "mixed");
