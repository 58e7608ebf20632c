//! Consumers of every event type, and what kinds they read.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::*;
use crate::ConsumerContract;

#[test]
fn a_consumer_of_every_type_needs_the_dropped_step() {
    #[derive(Debug, Serialize, Deserialize)]
    enum All {
        Placed { cents: u64 },
    }
    impl Event for All {
        const CATEGORY: &'static str = "account";
    }
    let folder = Folder::new();
    accepted(&account!(folder, {
        enum AccountEvent {
            Placed { cents: u64 },
            Pinged,
        }
    }));
    let contract = ConsumerContract::new(&folder.0, "contracts/payment.json").reads::<All>();
    contract.run(&settings("accept")).expect("is written");
    let dropped = account!(
        folder,
        { enum AccountEvent { Placed { cents: u64 } } }
        Upcaster::dropped("Pinged", 1)
    );
    assert_eq!(
        refused(&folder, &dropped.contracts("contracts")),
        "events.lock:\n\
         - `payment` reads every event type of account, but parks the streams with stored events account/Pinged@1.\n  Let the \
         consumer take over the upcasters of the owner, or let its enum be `PARTIAL`."
    );
}

#[test]
fn a_smaller_number_does_not_hold_every_value_of_a_larger_one() {
    use super::super::reads::Reads;
    let leaf = |kind: &str| Reads::Leaf(kind.to_owned());
    let reads = |reader, writer| leaf(reader).problems_with_kinds(&leaf(writer)).is_empty();
    assert!(reads("f64", "f32") && reads("f64", "u32") && reads("u64", "u8"));
    assert!(!reads("f32", "f64") && !reads("f64", "u64") && !reads("f32", "u32"));
    let pair = Reads::Tuple(vec![leaf("u8"), leaf("u8")]);
    assert!(pair.problems_with(&json!([1, 2])).is_empty());
    for other in [json!([1]), json!([1, 2, 3])] {
        assert_eq!(pair.problems_with(&other).len(), 1, "{other}");
    }
}

/// It waits in front of a schema version that it does not know.
#[test]
fn a_consumer_of_every_type_learns_of_a_newer_version() {
    #[derive(Debug, Serialize, Deserialize)]
    enum All {
        Placed { cents: u64 },
    }
    impl Event for All {
        const CATEGORY: &'static str = "account";
    }
    let folder = Folder::new();
    accepted(&account!(folder, {
        enum AccountEvent {
            Placed { cents: u64 },
        }
    }));
    let contract = ConsumerContract::new(&folder.0, "contracts/payment.json").reads::<All>();
    contract.run(&settings("accept")).expect("is written");
    let raised = account!(
        folder,
        { enum AccountEvent { Placed { cents: u64, more: bool } } }
        Upcaster::json("Placed", 1, |payload| payload["more"] = true.into())
    );
    assert_eq!(
        refused(&folder, &raised.contracts("contracts")),
        "events.lock:\n\
         - `payment` reads every event type of account, and account/Placed only up to schema version 1: it would wait in front of schema \
         version 2 for ever.\n  Let the consumer take over the upcasters of the owner first, or let its enum be `PARTIAL`."
    );
}
