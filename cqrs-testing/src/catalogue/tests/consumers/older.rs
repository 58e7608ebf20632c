//! What consumers read of the events that are stored already.

use serde_json::json;

use super::*;

#[test]
fn a_consumer_must_read_what_is_stored_already() {
    let folder = Folder::new();
    accepted(&account!(folder, {
        enum AccountEvent {
            Placed { euros: u64, reason: Reason },
        }
        enum Reason {
            Web,
        }
    }));
    agreed(&folder);
    let raised = || {
        account!(
            folder,
            { enum AccountEvent { Placed { cents: u64, reason: Reason } } enum Reason { Web } }
            Upcaster::json("Placed", 1, |payload| {
                let cents = payload["euros"].as_u64().expect("euros") * 100;
                *payload = json!({ "cents": cents, "reason": payload["reason"] });
            })
        )
        .contracts("contracts")
    };
    assert_eq!(
        refused(&folder, &raised()),
        "events.lock:\n\
         - `payment` reads account/Placed.cents (u64): not written in stored events of schema version 1.\n  Let the consumer take over \
         the upcasters of the owner: `const UPCASTERS: &'static [Upcaster] = AccountEvent::UPCASTERS;`, or give the field a default."
    );
    // With the upcasters of the owner it reads version 2 on.
    let contract = folder.read("contracts/payment.json");
    let with_steps = contract.replace("\"schema_version\": 1", "\"schema_version\": 2");
    folder.write("contracts/payment.json", &with_steps);
    accepted(&raised());
}

#[test]
fn a_consumer_that_passes_over_an_older_type_is_named() {
    macro_rules! reader {
        ($folder:expr, $steps:expr, $ignored:expr) => {{
            #[derive(Debug, Serialize, Deserialize)]
            enum Reader {
                Placed { cents: u64 },
            }
            impl Event for Reader {
                const CATEGORY: &'static str = "account";
                const PARTIAL: bool = true;
                const UPCASTERS: &'static [cqrs_core::model::Upcaster] = $steps;
                const IGNORED: &'static [&'static str] = $ignored;
            }
            let contract = $folder.contract().reads::<Reader>();
            contract.run(&settings("accept")).expect("is written");
        }};
    }
    let folder = Folder::new();
    let ordered = account!(folder, {
        enum AccountEvent {
            Ordered { cents: u64 },
        }
    });
    accepted(&ordered);
    let renamed = || {
        account!(
            folder,
            { enum AccountEvent { Placed { cents: u64 } } }
            Upcaster::renamed("Ordered", 1, "Placed", 1)
        )
    };
    accepted(&renamed());
    reader!(folder, &[], &[]);
    assert_eq!(
        refused(&folder, &renamed().contracts("contracts")),
        "events.lock:\n\
         - `payment` reads account/Placed, but passes over stored events account/Ordered@1, which become one.\n  Let the consumer take \
         over the upcasters of the owner, or list \"Ordered\" in `IGNORED`."
    );
    reader!(folder, &[], &["Ordered"]);
    accepted(&renamed().contracts("contracts"));
    reader!(
        folder,
        &[cqrs_core::model::Upcaster::renamed(
            "Ordered", 1, "Placed", 1
        )],
        &[]
    );
    accepted(&renamed().contracts("contracts"));
}

#[test]
fn what_is_accepted_is_not_refused_in_the_next_run() {
    let folder = Folder::new();
    agreed(&folder);
    let adopted = || {
        account!(
            folder,
            { enum AccountEvent { Placed { cents: u64, reason: Reason } } enum Reason { Web } }
            Upcaster::json("Placed", 1, |payload| {
                *payload = json!({ "cents": payload["euros"], "reason": payload["reason"] });
            })
        )
    };
    let older = Older {
        key: Key::new("account", "Placed", 1),
        payload: Payload::new(r#"{"euros":7,"reason":"Web"}"#).expect("JSON"),
    };
    let mut catalogue = adopted().contracts("contracts");
    catalogue.older.push(older);
    let reason = refused(&folder, &catalogue);
    assert!(
        reason.contains("not written in stored events of schema version 1"),
        "{reason}"
    );
}
