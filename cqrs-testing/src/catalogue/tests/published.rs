//! Published events, and their schemas.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::*;

/// As `.published::<E>()` for every enum.
fn published(mut catalogue: Catalogue) -> Catalogue {
    for listed in &mut catalogue.enums {
        listed.published = true;
    }
    catalogue
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
    accepted(&published(before));
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
        refused(&folder, &published(after())),
        "events.lock:\n\
         - a reader with the shape of account/Deposited@1 could not read account/Deposited@2, which is published: the field `cents` (u64) is no longer \
         written.\n  Keep it as it was, or publish a new event type.\n\
         - a reader with the shape of account/Deposited@1 could not read account/Deposited@2, which is published: the field `count` (u8) is written as \
         u16.\n  Keep it as it was, or publish a new event type."
    );
    let wider = || {
        account!(
            folder,
            { enum AccountEvent { Deposited { cents: u64, count: u16, more: bool } } }
            Upcaster::json("Deposited", 1, |payload| {
                *payload = json!({ "cents": payload["cents"], "count": payload["count"], "more": true });
            })
        )
    };
    assert_eq!(
        refused(&folder, &published(wider())),
        "events.lock:\n\
         - a reader with the shape of account/Deposited@1 could not read account/Deposited@2, which is published: the field `count` (u8) is written as \
         u16.\n  Keep it as it was, or publish a new event type."
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
    accepted(&published(before));
    let after = account!(
        folder,
        { enum AccountEvent { Deposited { cents: u64, more: bool } } }
        Upcaster::json("Deposited", 1, |payload| *payload = json!({ "cents": payload["cents"], "more": true }))
    );
    accepted(&published(after));
}

#[test]
fn each_published_type_has_a_schema() {
    let folder = Folder::new();
    let with = |catalogue| published(catalogue).schemas("schemas/");
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
fn the_marks_of_a_merge_conflict_in_a_schema_are_named() {
    let folder = Folder::new();
    let paid = || {
        published(account!(folder, {
            enum AccountEvent {
                Paid { cents: u64 },
            }
        }))
        .schemas("schemas")
    };
    accepted(&paid());
    let marks = "{\n<<<<<<< HEAD\n=======\n>>>>>>> other\n}\n";
    folder.write("schemas/account.Paid.1.json", marks);
    assert_eq!(
        paid().run(&settings("")),
        Err(
            "schemas/account.Paid.1.json has the marks of a merge conflict, and is written again.\n\
             If it is meant so, run `CQRS_CATALOGUE=accept cargo test` and commit the file."
                .to_owned()
        )
    );
    accepted(&paid());
    // Nobody can write the schema of an older version again.
    folder.write("schemas/account.Paid.0.json", marks);
    assert_eq!(
        refused(&folder, &paid()),
        "events.lock:\n\
         - schemas/account.Paid.0.json has the marks of a merge conflict.\n  The code no longer writes this schema version: restore \
         the file, for example with `git checkout --ours schemas/account.Paid.0.json`."
    );
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

#[test]
fn a_published_field_that_is_no_longer_always_written_is_refused() {
    let folder = Folder::new();
    accepted(&published(account!(folder, {
        enum AccountEvent {
            Deposited { tags: Vec<u8> },
        }
    })));
    let skips = account!(folder, {
        enum AccountEvent {
            Deposited {
                #[serde(default, skip_serializing_if = "Vec::is_empty")]
                tags: Vec<u8>,
            },
        }
    });
    let reason = refused(&folder, &published(skips));
    assert!(
        reason.contains("the field `tags` (list of u8) is no longer written"),
        "{reason}"
    );
}

#[test]
fn a_published_type_that_is_no_longer_written_is_refused() {
    let folder = Folder::new();
    accepted(&published(account!(folder, {
        enum AccountEvent {
            Opened { owner: String },
        }
    })));
    let message = "account/Opened is published, and the code no longer writes it: readers of account/Opened get no more of them.";
    let alias = account!(folder, {
        enum AccountEvent {
            #[serde(alias = "Opened")]
            Begun { owner: String },
        }
    });
    let renamed = account!(
        folder,
        { enum AccountEvent { Begun { owner: String } } }
        Upcaster::renamed("Opened", 1, "Begun", 1)
    );
    let dropped = account!(
        folder,
        { enum AccountEvent { Begun { owner: String } } }
        Upcaster::dropped("Opened", 1)
    );
    for catalogue in [alias, renamed, dropped] {
        let reason = refused(&folder, &published(catalogue));
        assert!(reason.contains(message), "{reason}");
    }
}
