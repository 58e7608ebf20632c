//! Published events, their schemas, and what consumers read.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::*;
use crate::ConsumerContract;

impl Folder {
    fn published(&self, catalogue: Catalogue) -> Catalogue {
        assert!(self.0.is_dir());
        let mut catalogue = catalogue;
        catalogue
            .enums
            .iter_mut()
            .for_each(|listed| listed.published = true);
        catalogue
    }

    fn contract(&self) -> ConsumerContract {
        ConsumerContract::new(&self.0, "contracts/payment.json")
    }
}

#[test]
fn a_published_field_stays_for_its_older_readers() {
    let folder = Folder::new();
    let before = account!(folder, {
        enum AccountEvent {
            Deposited {
                cents: u64,
                note: Option<String>,
                count: u8,
            },
        }
    });
    accepted(&folder.published(before));
    let after = || {
        account!(
            folder,
            { enum AccountEvent { Deposited { euros: u64, count: u16, more: bool } } }
            Upcaster::json("Deposited", 1, |payload| {
                let euros = payload["cents"].as_u64().expect("cents") / 100;
                *payload = json!({ "euros": euros, "count": payload["count"], "more": false });
            })
        )
    };
    assert_eq!(
        refused(&folder, &folder.published(after())),
        "events.lock:\n\
         - who reads account/Deposited@1 could not read account/Deposited@2, which is published: the field `cents` (u64) is no longer \
         written.\n  Keep the field as it was, or publish a new event type."
    );
    let wider = || {
        account!(
            folder,
            { enum AccountEvent { Deposited { cents: u64, count: u16, more: bool } } }
            Upcaster::json("Deposited", 1, |payload| payload["more"] = true.into())
        )
    };
    assert_eq!(
        refused(&folder, &folder.published(wider())),
        "events.lock:\n\
         - who reads account/Deposited@1 could not read account/Deposited@2, which is published: the field `count` (u8) is written as \
         u16.\n  Keep the field as it was, or publish a new event type."
    );
    // What is only stored may change, and an optional field may go.
    accepted(&after());
}

#[test]
fn a_published_type_may_lose_optional_and_gain_fields() {
    let folder = Folder::new();
    let before = account!(folder, {
        enum AccountEvent {
            Deposited { cents: u64, note: Option<String> },
        }
    });
    accepted(&folder.published(before));
    let after = account!(
        folder,
        { enum AccountEvent { Deposited { cents: u64, more: bool } } }
        Upcaster::json("Deposited", 1, |payload| *payload = json!({ "cents": payload["cents"], "more": true }))
    );
    accepted(&folder.published(after));
}

#[test]
fn each_published_type_has_a_schema() {
    let folder = Folder::new();
    let with = |catalogue| folder.published(catalogue).schemas("schemas/");
    let first = || {
        with(account!(folder, {
            enum AccountEvent {
                Deposited {
                    cents: u64,
                    note: Option<Note>,
                    tags: Vec<String>,
                },
            }
            enum Note {
                Plain,
                Long { text: String },
            }
        }))
    };
    let notes = accepted(&first());
    assert!(
        notes.contains("schemas/account.Deposited.1.json gets a new schema.\n"),
        "{notes}"
    );
    let schema = || folder.read("schemas/account.Deposited.1.json");
    let text = json!({ "type": "string" });
    let cents = json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX });
    let long = json!({
        "type": "object",
        "properties": { "Long": {
            "type": "object", "properties": { "text": text }, "required": ["text"], "additionalProperties": true,
        } },
        "required": ["Long"],
        "additionalProperties": false,
    });
    let note = json!({ "anyOf": [long, { "const": "Plain" }] });
    let expected = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "account/Deposited@1",
        "type": "object",
        "properties": {
            "cents": cents,
            "note": { "anyOf": [note, { "type": "null" }] },
            "tags": { "type": "array", "items": text },
        },
        "required": ["cents", "tags"],
        "additionalProperties": true,
    });
    assert_eq!(
        serde_json::from_str::<Value>(&schema()).ok(),
        Some(expected)
    );
    folder.write("schemas/account.Deposited.1.json", "{}");
    assert_eq!(
        first().run(&settings("")),
        Err("schemas/account.Deposited.1.json gets a new schema.\n\
             If it is meant so, run `CQRS_CATALOGUE=accept cargo test` and commit the file."
            .to_owned())
    );
    accepted(&first());
}

#[test]
fn a_buffered_value_is_said_to_be_anything() {
    #[derive(Debug, Serialize, Deserialize)]
    enum NoteEvent {
        Noted { text: Value },
    }
    impl Event for NoteEvent {
        const CATEGORY: &'static str = "note";
    }
    let folder = Folder::new();
    let noted = NoteEvent::Noted { text: json!(1) };
    accepted(
        &folder
            .catalogue()
            .published::<NoteEvent>()
            .sample(noted)
            .schemas("schemas"),
    );
    let schema: Value =
        serde_json::from_str(&folder.read("schemas/note.Noted.1.json")).expect("JSON");
    assert_eq!(
        schema["properties"]["text"],
        json!({ "description": "Anything: serde buffers this value, so its shape is not known." })
    );
}

/// What `payment` reads of orders.
#[derive(Debug, Serialize, Deserialize)]
enum OrderNews {
    Placed {
        cents: u64,
        note: Option<String>,
        reason: Reason,
    },
}

#[derive(Debug, Serialize, Deserialize)]
enum Reason {
    Web,
    Shop,
}

impl Event for OrderNews {
    const CATEGORY: &'static str = "account";
    const PARTIAL: bool = true;
}

fn agreed(folder: &Folder) {
    let contract = folder.contract().reads::<OrderNews>();
    let missing = contract.run(&settings("")).expect_err("there is no file");
    let begin = "contracts/payment.json does not say what the code reads now:\n{\n  \"consumer\": \"payment\",\n";
    assert!(missing.starts_with(begin), "{missing}");
    let in_ci = Settings::new(Some("accept"), Some("1")).expect("valid");
    assert!(contract.run(&in_ci).is_err());
    assert_eq!(contract.run(&settings("accept")), Ok(()));
    assert_eq!(contract.run(&settings("")), Ok(()));
}

#[test]
fn a_consumer_is_named_with_the_field_that_it_misses() {
    let folder = Folder::new();
    agreed(&folder);
    let kept = account!(folder, {
        enum AccountEvent {
            Placed {
                cents: u64,
                reason: Reason,
                sku: String,
            },
            Paid,
        }
        enum Reason {
            Web,
            Shop,
        }
    });
    accepted(&kept.contracts("*"));
    let elsewhere = Folder::new();
    let contracts = folder
        .0
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let pattern = format!("../{contracts}/*");
    for (catalogue, found) in [
        (
            account!(elsewhere, {
                enum AccountEvent {
                    Placed { euros: u64, reason: Reason },
                }
                enum Reason {
                    Web,
                }
            }),
            "`payment` reads account/Placed.cents (u64): no longer written.\n  Keep the field, or change the consumer first.",
        ),
        (
            account!(elsewhere, {
                enum AccountEvent {
                    Placed { cents: i64, reason: Reason },
                }
                enum Reason {
                    Web,
                }
            }),
            "`payment` reads account/Placed.cents (u64): written as i64.\n  Keep the field, or change the consumer first.",
        ),
        (
            account!(elsewhere, {
                enum AccountEvent {
                    Placed { cents: String, reason: Reason },
                }
                enum Reason {
                    Web,
                }
            }),
            "`payment` reads account/Placed.cents (u64): written as string.\n  Keep the field, or change the consumer first.",
        ),
        (
            account!(elsewhere, {
                enum AccountEvent {
                    Placed { cents: u64, reason: Reason },
                }
                enum Reason {
                    Web,
                    Phone,
                }
            }),
            "`payment` reads account/Placed.reason (enum): written with the variant `Phone`, which it does not know.\n  Keep the field, \
             or change the consumer first.",
        ),
        (
            account!(elsewhere, {
                enum AccountEvent {
                    Ordered { cents: u64 },
                }
            }),
            "`payment` reads account/Placed: no longer written.\n  Keep the event type, or change the consumer first.",
        ),
    ] {
        let reason = refused(&elsewhere, &catalogue.contracts(&pattern));
        assert_eq!(reason, format!("events.lock:\n- {found}"));
    }
}

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
         the steps of the owner: `const UPCASTERS: &'static [Upcaster] = AccountEvent::UPCASTERS;`, or give the field a default."
    );
    // With the steps of the owner it reads version 2 on.
    let contract = folder.read("contracts/payment.json");
    let with_steps = contract.replace("\"schema_version\": 1", "\"schema_version\": 2");
    folder.write("contracts/payment.json", &with_steps);
    accepted(&raised());
}

#[test]
fn a_consumer_of_every_type_learns_of_new_ones() {
    #[derive(Debug, Serialize, Deserialize)]
    enum All {
        Placed { cents: u64 },
    }
    impl Event for All {
        const CATEGORY: &'static str = "account";
    }
    let folder = Folder::new();
    let contract = folder.contract().reads::<All>();
    contract.run(&settings("accept")).expect("is written");
    let more = account!(folder, {
        enum AccountEvent {
            Placed { cents: u64 },
            Paid,
        }
    });
    assert_eq!(
        refused(&folder, &more.contracts("contracts")),
        "events.lock:\n\
         - `payment` reads every event type of account, but not account/Paid: it would stop there.\n  Let its enum be `PARTIAL`, or have \
         the type."
    );
}

#[test]
fn a_path_without_contracts_is_an_error() {
    let folder = Folder::new();
    let catalogue = account!(folder, {
        enum AccountEvent {
            Paid,
        }
    });
    assert_eq!(
        refused(&folder, &catalogue.contracts("../*/nobody-has-this-folder")),
        "no folder matches `.contracts(\"../*/nobody-has-this-folder\")`.\n  Correct the path: it begins at the crate."
    );
    folder.write("contracts/broken.json", "{}");
    let catalogue = account!(folder, {
        enum AccountEvent {
            Paid,
        }
    });
    let reason = refused(&folder, &catalogue.contracts("contracts"));
    assert!(
        reason.ends_with(
            "broken.json is no contract of a consumer: missing field `consumer` at line 1 column 2"
        ),
        "{reason}"
    );
}
