//! Changes that lose a stored event, or a part of it.

use serde_json::json;

use super::*;

fn deposited(folder: &Folder) -> Catalogue {
    account!(folder, {
        enum AccountEvent {
            Deposited { amount: u64 },
        }
    })
}

#[test]
fn an_event_that_no_longer_decodes_is_refused() {
    let folder = Folder::new();
    accepted(&deposited(&folder));
    let changed = account!(folder, {
        enum AccountEvent {
            Deposited { cents: u64 },
        }
    });
    assert_eq!(
        refused(&folder, &changed),
        "events.lock:\n\
         - account/Deposited@1 {\"amount\":1} may be stored, and no longer decodes: missing field `cents` at line 1 column 12.\n  \
         Add an upcaster: `Upcaster::typed::<DepositedV1, DepositedV2>(\"Deposited\", 1)`. Or give a new field a default, \
         `#[serde(default)]`, or a renamed one its old name, `#[serde(alias = \"..\")]`. If no such event was ever stored, run `CQRS_CATALOGUE=withdraw:account/Deposited@1 cargo test`."
    );
}

#[test]
fn a_field_that_would_be_lost_is_refused() {
    let folder = Folder::new();
    accepted(&deposited(&folder));
    let renamed = account!(folder, {
        enum AccountEvent {
            Deposited {
                #[serde(default)]
                cents: u64,
            },
        }
    });
    assert_eq!(
        refused(&folder, &renamed),
        "events.lock:\n\
         - the field `amount` of account/Deposited@1 would be lost: {\"amount\":1} would be read as Deposited@1 {\"cents\":0}.\n  \
         If the field has another name now, keep the old one: `#[serde(alias = \"amount\")]`. Otherwise add an upcaster: \
         `Upcaster::typed::<DepositedV1, DepositedV2>(\"Deposited\", 1)`, or `Upcaster::split(..)` if an event of its own has the field \
         now. If no such event was ever stored, run `CQRS_CATALOGUE=withdraw:account/Deposited@1 cargo test`."
    );
}

#[test]
fn an_alias_keeps_a_renamed_field_as_long_as_it_is_there() {
    let folder = Folder::new();
    accepted(&deposited(&folder));
    let alias = account!(folder, {
        enum AccountEvent {
            Deposited {
                #[serde(alias = "amount")]
                cents: u64,
            },
        }
    });
    let notes = accepted(&alias);
    assert!(
        notes.contains("is read as Deposited@1 {\"cents\":1} now"),
        "{notes}"
    );
    let without = account!(folder, {
        enum AccountEvent {
            Deposited {
                #[serde(default)]
                cents: u64,
            },
        }
    });
    let reason = refused(&folder, &without);
    assert!(
        reason.contains("the field `amount` of account/Deposited@1 would be lost"),
        "{reason}"
    );
    assert!(
        reason.contains("the field `cents` of account/Deposited@1 would change from 1 to 0"),
        "{reason}"
    );
}

#[test]
fn a_step_keeps_a_renamed_field() {
    let folder = Folder::new();
    accepted(&deposited(&folder));
    let step = account!(
        folder,
        { enum AccountEvent { Deposited { cents: u64 } } }
        Upcaster::json("Deposited", 1, |payload| *payload = json!({ "cents": payload["amount"] })),
    );
    accepted(&step);
}

#[test]
fn a_lost_field_deep_inside_is_named() {
    let folder = Folder::new();
    accepted(&account!(folder, {
        enum AccountEvent {
            Ordered { lines: Vec<Option<Line>> },
        }
        enum Line {
            Item { sku: String },
        }
    }));
    let reason = refused(
        &folder,
        &account!(folder, {
            enum AccountEvent {
                Ordered { lines: Vec<Option<Line>> },
            }
            enum Line {
                Item {
                    #[serde(default)]
                    product: String,
                },
            }
        }),
    );
    let lost = "- the field `lines.0.Item.sku` of account/Ordered@1 would be lost: {\"lines\":[{\"Item\":{\"sku\":\"a\"}}]} would be";
    assert!(reason.contains(lost), "{reason}");
    assert!(reason.contains("#[serde(alias = \"sku\")]"), "{reason}");
}

/// A generated value is too small to show it: kinds are compared.
#[test]
fn a_number_that_becomes_smaller_is_refused() {
    let folder = Folder::new();
    accepted(&deposited(&folder));
    let narrowed = account!(folder, {
        enum AccountEvent {
            Deposited { amount: u32 },
        }
    });
    assert_eq!(
        refused(&folder, &narrowed),
        "events.lock:\n\
         - the field `amount` of account/Deposited@1 was u64 and is u32 now: not every stored value could be read.\n  Keep the type, \
         or add an upcaster: `Upcaster::typed::<DepositedV1, DepositedV2>(\"Deposited\", 1)`. If no such event was ever stored, run \
         `CQRS_CATALOGUE=withdraw:account/Deposited@1 cargo test`."
    );
    let wider = account!(folder, {
        enum AccountEvent {
            Deposited { amount: u128 },
        }
    });
    accepted(&wider);
}

#[test]
fn a_variant_that_is_gone_inside_an_event_is_refused() {
    let folder = Folder::new();
    accepted(&account!(folder, {
        enum AccountEvent {
            Closed { reason: Reason },
        }
        enum Reason {
            Moved,
            Died { on: String },
        }
    }));
    let reason = refused(
        &folder,
        &account!(folder, {
            enum AccountEvent {
                Closed { reason: Reason },
            }
            enum Reason {
                Moved,
            }
        }),
    );
    let gone = "account/Closed@1 {\"reason\":{\"Died\":{\"on\":\"a\"}}} may be stored, and no longer decodes: unknown variant `Died`";
    assert!(reason.contains(gone), "{reason}");
}

#[test]
fn a_type_that_is_gone_is_refused() {
    let folder = Folder::new();
    accepted(&account!(folder, {
        enum AccountEvent {
            Opened,
            Pinged { at: u64 },
        }
    }));
    let without = account!(folder, {
        enum AccountEvent {
            Opened,
        }
    });
    assert_eq!(
        refused(&folder, &without),
        "events.lock:\n\
         - account/Pinged is gone from the code, but events of this type may be stored, with schema version 1.\n  Restore it, or add \
         `Upcaster::dropped(\"Pinged\", 1)`, or `Upcaster::renamed(\"Pinged\", 1, \"..\", ..)` with the type that takes its place, in the \
         schema version that has its shape. If no such event was ever stored, run `CQRS_CATALOGUE=withdraw:account/Pinged@1 cargo test`."
    );
    let dropped = account!(folder, { enum AccountEvent { Opened } } Upcaster::dropped("Pinged", 1));
    let notes = accepted(&dropped);
    assert!(
        notes.contains("was read as Pinged@1 {\"at\":1}, and is read as nothing now"),
        "{notes}"
    );
    // An upcaster that was there is part of what is kept.
    let renamed = account!(
        folder,
        { enum AccountEvent { Opened } }
        Upcaster::renamed("Pinged", 1, "Opened", 1)
    );
    assert_eq!(
        refused(&folder, &renamed),
        "events.lock:\n\
         - account/Pinged@1 {\"at\":1} would be read as Opened@1 null. It was read as nothing, and no schema version was raised.\n  An \
         upcaster that is in use must not change: restore it, and add the next upcaster."
    );
}

#[test]
fn a_category_that_is_gone_is_refused() {
    let folder = Folder::new();
    accepted(&deposited(&folder));
    assert_eq!(
        refused(&folder, &folder.catalogue()),
        "events.lock:\n\
         - no enum of the catalogue has the category `account`, but its events may be stored.\n  List its enum in `catalogue!`."
    );
}
