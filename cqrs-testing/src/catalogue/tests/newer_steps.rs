//! Upcasters that change beside a newer one: it does not release them.

use cqrs_core::model::Part;
use serde_json::{Value, json};

use super::*;

fn to_cents(payload: &mut Value) {
    *payload = json!({ "cents": payload["euros"].as_u64().expect("euros") * 100 });
}

#[test]
fn a_step_that_changes_beside_a_newer_one_is_refused() {
    let folder = Folder::new();
    accepted(&account!(folder, {
        enum AccountEvent {
            Deposited { euros: u64 },
        }
    }));
    accepted(&account!(
        folder,
        { enum AccountEvent { Deposited { cents: u64 } } }
        Upcaster::json("Deposited", 1, to_cents)
    ));
    let both = account!(
        folder,
        { enum AccountEvent { Deposited { cents: u64, more: bool } } }
        Upcaster::json("Deposited", 1, |payload| *payload = json!({ "cents": payload["euros"] })),
        Upcaster::json("Deposited", 2, |payload| payload["more"] = true.into())
    );
    assert_eq!(
        refused(&folder, &both),
        "events.lock:\n\
         - account/Deposited@1 {\"euros\":1} would be read as Deposited@3 {\"cents\":1,\"more\":true}. It was read as Deposited@2 \
         {\"cents\":100}, which becomes Deposited@3 {\"cents\":100,\"more\":true} by the newer upcasters.\n  An upcaster that is in use must \
         not change: restore it, and change only the newest upcaster."
    );
    accepted(&account!(
        folder,
        { enum AccountEvent { Deposited { cents: u64, more: bool } } }
        Upcaster::json("Deposited", 1, to_cents),
        Upcaster::json("Deposited", 2, |payload| payload["more"] = true.into())
    ));
}

#[test]
fn one_raised_part_does_not_release_the_others() {
    fn parts(old: &Value) -> Vec<Part> {
        vec![
            Part::new("Opened", json!({ "owner": old["owner"] })),
            Part::new("Deposited", json!({ "euros": old["euros"] })),
        ]
    }
    let folder = Folder::new();
    accepted(&account!(folder, {
        enum AccountEvent {
            Opened { owner: String, euros: u64 },
        }
    }));
    accepted(&account!(
        folder,
        { enum AccountEvent { Opened { owner: String }, Deposited { euros: u64 } } }
        Upcaster::split("Opened", 1, &[("Opened", 2), ("Deposited", 1)], parts)
    ));
    let raised = account!(
        folder,
        { enum AccountEvent { Opened { owner: String }, Deposited { cents: u64 } } }
        Upcaster::split("Opened", 1, &[("Opened", 2), ("Deposited", 1)], |old| {
            vec![
                Part::new("Opened", json!({ "owner": "nobody" })),
                Part::new("Deposited", json!({ "euros": old["euros"] })),
            ]
        }),
        Upcaster::json("Deposited", 1, to_cents)
    );
    let reason = refused(&folder, &raised);
    assert!(
        reason.contains(
            "which becomes Opened@2 {\"owner\":\"a\"} + Deposited@2 {\"cents\":100} by the newer upcasters"
        ),
        "{reason}"
    );
}
