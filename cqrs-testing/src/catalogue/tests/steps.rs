//! Upcasters: what they make of stored events.

use cqrs_core::model::Part;
use serde_json::{Value, json};

use super::*;

fn deposited(folder: &Folder) -> Catalogue {
    account!(folder, {
        enum AccountEvent {
            Deposited { euros: u64 },
        }
    })
}

fn to_cents(payload: &mut Value) {
    *payload = json!({ "cents": payload["euros"].as_u64().expect("euros") * 100 });
}

#[test]
fn a_raised_version_is_a_new_line_with_advice() {
    let folder = Folder::new();
    accepted(&deposited(&folder));
    let raised = account!(
        folder,
        { enum AccountEvent { Deposited { cents: u64 } } }
        Upcaster::json("Deposited", 1, to_cents)
    );
    let lacks = raised.run(&settings("")).expect_err("lacks lines");
    assert_eq!(
        lacks,
        "events.lock gets new lines:\n\
         + account/Deposited@1 event 104d3467 {\"euros\":1} -> Deposited@2 {\"cents\":100}\n\
         + account/Deposited@1 event 104d3467 {\"euros\":0} -> Deposited@2 {\"cents\":0}\n\
         + account/Deposited@2 shape cafeb998 {\"struct\":{\"cents\":{\"reads\":\"u64\",\"required\":true}}}\n\
         + account/Deposited@2 event cafeb998 {\"cents\":1} -> Deposited@2 {\"cents\":1}\n\
         + account/Deposited@2 event cafeb998 {\"cents\":0} -> Deposited@2 {\"cents\":0}\n\
         - What was made of such events stays as it is until you rebuild it: raise `SnapshotPolicy::version` of the aggregates that \
         read them, and rebuild the views that show them.\n\
         - account/Deposited@1 {\"euros\":0} goes through a new upcaster: it was read as Deposited@1 {\"euros\":0}, and is read as \
         Deposited@2 {\"cents\":0} now.\n\
         - account/Deposited@1 {\"euros\":1} goes through a new upcaster: it was read as Deposited@1 {\"euros\":1}, and is read as \
         Deposited@2 {\"cents\":100} now.\n\
         If it is meant so, run `CQRS_CATALOGUE=accept cargo test` and commit the file."
    );
    let before = folder.lock();
    accepted(&raised);
    assert!(
        before.lines().all(|line| folder.lock().contains(line)),
        "lines are only added"
    );
}

#[test]
fn a_field_that_is_gained_is_a_new_line_with_advice() {
    let folder = Folder::new();
    accepted(&deposited(&folder));
    let more = account!(folder, {
        enum AccountEvent {
            Deposited {
                euros: u64,
                #[serde(default)]
                currency: String,
            },
        }
    });
    let notes = accepted(&more);
    let gained = "- account/Deposited@1 {\"euros\":1} gains fields: it was read as Deposited@1 {\"euros\":1}, and is read as \
                  Deposited@1 {\"euros\":1,\"currency\":\"\"} now.";
    assert!(notes.contains(gained), "{notes}");
    assert!(notes.contains("raise `SnapshotPolicy::version`"), "{notes}");
}

#[test]
fn a_removed_step_is_refused() {
    let folder = Folder::new();
    accepted(&deposited(&folder));
    accepted(&account!(
        folder,
        { enum AccountEvent { Deposited { cents: u64 } } }
        Upcaster::json("Deposited", 1, to_cents)
    ));
    let removed = account!(folder, {
        enum AccountEvent {
            Deposited { cents: u64 },
        }
    });
    let reason = refused(&folder, &removed);
    assert!(
        reason.contains(
            "- account/Deposited@2 may be stored, but the code knows account/Deposited only up to schema version 1: an upcaster was \
             removed.\n  Restore it in `UPCASTERS`. If no such event was ever stored, run \
             `CQRS_CATALOGUE=withdraw:account/Deposited@2 cargo test`."
        ),
        "{reason}"
    );
}

#[test]
fn a_step_that_changes_is_refused() {
    let folder = Folder::new();
    accepted(&deposited(&folder));
    accepted(&account!(
        folder,
        { enum AccountEvent { Deposited { cents: u64 } } }
        Upcaster::json("Deposited", 1, to_cents)
    ));
    let changed = account!(
        folder,
        { enum AccountEvent { Deposited { cents: u64 } } }
        Upcaster::json("Deposited", 1, |payload| *payload = json!({ "cents": payload["euros"] }))
    );
    assert_eq!(
        refused(&folder, &changed),
        "events.lock:\n\
         - the field `cents` of account/Deposited@1 would change from 100 to 1: {\"euros\":1} would be read as Deposited@2 \
         {\"cents\":1}.\n  Restore what was read of it, and add the next upcaster: \
         `Upcaster::typed::<DepositedV2, DepositedV3>(\"Deposited\", 2)`. If no such event was ever stored, run \
         `CQRS_CATALOGUE=withdraw:account/Deposited@1 cargo test`."
    );
}

#[test]
fn an_upcaster_that_panics_is_named() {
    let folder = Folder::new();
    accepted(&deposited(&folder));
    let panics = account!(
        folder,
        { enum AccountEvent { Deposited { cents: u64 } } }
        Upcaster::json("Deposited", 1, |_| panic!("too rich"))
    );
    assert_eq!(
        refused(&folder, &panics),
        "events.lock:\n\
         - the upcaster from account/Deposited@1 fails for a stored event, account/Deposited@1 {\"euros\":1}: it panicked: too \
         rich.\n  Correct it in `UPCASTERS`: an upcaster must not fail for an event that was stored. If it reads metadata, give the \
         catalogue some: `.metadata(..)`. If no such event was ever stored, run `CQRS_CATALOGUE=withdraw:account/Deposited@1 cargo test`."
    );
    let unreadable = account!(
        folder,
        { enum AccountEvent { Deposited { cents: u64 } } }
        Upcaster::json("Deposited", 1, |payload| *payload = json!({ "cent": 1 }))
    );
    let reason = refused(&folder, &unreadable);
    assert!(
        reason.contains(
            "fails for a stored event, account/Deposited@1 {\"euros\":1}: missing field `cents`"
        ),
        "{reason}"
    );
}

#[test]
fn a_step_reads_the_metadata_that_the_test_gives() {
    let folder = Folder::new();
    accepted(&deposited(&folder));
    let by = || {
        account!(
            folder,
            { enum AccountEvent { Deposited { euros: u64, by: String, of: String } } }
            Upcaster::recorded("Deposited", 1, |payload, recording| {
                payload["by"] = recording.metadata.headers["user"].as_str().into();
                payload["of"] = recording.aggregate_id.into();
            })
        )
    };
    let reason = refused(&folder, &by());
    assert!(
        reason.contains("If it reads metadata, give the catalogue some: `.metadata(..)`."),
        "{reason}"
    );
    let headers = [("user".to_owned(), "ann".to_owned())].into();
    let notes = accepted(&by().metadata(Metadata::new(None, None, None, headers)));
    assert!(
        notes.contains("Deposited@2 {\"euros\":1,\"by\":\"ann\",\"of\":\"a\"}"),
        "{notes}"
    );
}

#[test]
fn each_step_needs_an_event_that_proves_it() {
    let folder = Folder::new();
    let adopted = || {
        account!(
            folder,
            { enum AccountEvent { Deposited { cents: u64 } } }
            Upcaster::json("Deposited", 1, to_cents)
        )
    };
    assert_eq!(
        refused(&folder, &adopted()),
        "events.lock:\n\
         - no line shows an event account/Deposited@1, so nothing proves the upcaster from it.\n  If the line was removed, restore it. If \
         the upcaster is older than the file, give a payload as it was stored: `.older::<AccountEvent>(\"Deposited\", 1, r#\"{..}\"#)`."
    );
    #[derive(Debug, serde::Serialize, serde::Deserialize)]
    enum AnyEvent {}
    impl Event for AnyEvent {
        const CATEGORY: &'static str = "account";
    }
    let older = adopted().older::<AnyEvent>("Deposited", 1, r#"{"euros":7}"#);
    let notes = accepted(&older);
    assert!(
        notes.contains("account/Deposited@1 event - {\"euros\":7} -> Deposited@2 {\"cents\":700}"),
        "{notes}"
    );
    accepted(&adopted());
    let text: Vec<_> = folder
        .lock()
        .lines()
        .filter(|line| !line.contains("euros"))
        .map(str::to_owned)
        .collect();
    folder.write("events.lock", &text.join("\n"));
    assert!(refused(&folder, &adopted()).contains("If the line was removed, restore it."));
}

#[test]
fn the_parts_of_a_split_event_are_kept() {
    fn opened_with_a_deposit(old: &Value) -> Vec<Part> {
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
    let split = account!(
        folder,
        { enum AccountEvent { Opened { owner: String }, Deposited { euros: u64 } } }
        Upcaster::split("Opened", 1, &[("Opened", 2), ("Deposited", 1)], opened_with_a_deposit)
    );
    let notes = accepted(&split);
    assert!(
        notes.contains("-> Opened@2 {\"owner\":\"a\"} + Deposited@1 {\"euros\":1}\n"),
        "{notes}"
    );
    let first = account!(
        folder,
        { enum AccountEvent { Opened { owner: String }, Deposited { euros: u64 } } }
        Upcaster::split("Opened", 1, &[("Opened", 2), ("Deposited", 1)], |old| {
            opened_with_a_deposit(old).into_iter().take(1).collect()
        })
    );
    let reason = refused(&folder, &first);
    assert!(
        reason.contains(
            "It was read as Opened@2 {\"owner\":\"a\"} + Deposited@1 {\"euros\":1}, and no"
        ),
        "{reason}"
    );
}
