//! Samples: of which enum they are, and what cannot be one.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::*;
use crate::ConsumerContract;

macro_rules! events {
    ($(#[$meta:meta])* enum $name:ident in $category:literal $body:tt) => {
        #[derive(Debug, Serialize, Deserialize)]
        $(#[$meta])*
        enum $name $body
        impl Event for $name {
            const CATEGORY: &'static str = $category;
        }
    };
}

events!(enum Noted in "note" { Noted { text: Value } });
events!(enum Told in "news" { Noted { text: Value } });

#[test]
fn a_sample_is_one_of_its_own_enum() {
    let folder = Folder::new();
    let contract = |name: &str| {
        ConsumerContract::new(&folder.0, name)
            .reads::<Noted>()
            .reads::<Told>()
    };
    let one = contract("one.json").sample(Noted::Noted { text: json!(1) });
    let error = one.run(&settings("accept")).expect_err("one is missing");
    assert!(
        error.starts_with("one.json:\n- no event `Noted` of news can be generated")
            && !error.contains("of note can"),
        "{error}"
    );
    let both = one.sample(Told::Noted { text: json!(1) });
    assert_eq!(both.run(&settings("accept")), Ok(()));
}

#[test]
fn samples_and_older_events_of_an_enum_that_is_not_listed_are_errors() {
    let folder = Folder::new();
    let catalogue = account!(folder, {
        enum AccountEvent {
            Opened,
        }
    });
    let catalogue = catalogue
        .sample(Noted::Noted { text: json!(1) })
        .older::<Told>("Noted", 1, "{}");
    assert_eq!(
        refused(&folder, &catalogue),
        "events.lock:\n\
         - there is a `.sample(..)` of `Noted`, which is not listed.\n  List the enum, or remove the sample.\n\
         - there is an `.older(..)` event news/Noted@1, but no enum with the category `news` is listed.\n  List the enum, or remove \
         the event."
    );
    let contract =
        ConsumerContract::new(&folder.0, "one.json").sample(Told::Noted { text: json!(1) });
    let error = contract.run(&settings("accept")).expect_err("is refused");
    assert!(error.contains("`.sample(..)` of `Told`"), "{error}");
}

#[test]
fn another_name_of_a_type_with_a_sample_needs_none() {
    events!(enum NoteEvent in "note" { #[serde(alias = "Written")] Noted { text: Value } });
    let folder = Folder::new();
    let catalogue = folder.catalogue().events::<NoteEvent>();
    accepted(&catalogue.sample(NoteEvent::Noted {
        text: json!({ "a": 1 }),
    }));
    assert!(!folder.lock().contains("Written"));
}

#[test]
fn a_large_integer_is_refused() {
    events!(enum Counted in "count" { Counted { count: u128, text: Value } });
    let folder = Folder::new();
    let catalogue = folder.catalogue().events::<Counted>();
    let (count, text) = (u128::MAX, json!(1));
    let catalogue = catalogue
        .sample(Counted::Counted { count, text })
        .older::<Counted>("Counted", 1, r#"{"count":18446744073709551616,"text":1}"#);
    let reason = refused(&folder, &catalogue);
    for found in [
        "- a sample of `Counted::Counted` has an integer of more than 64 bits, which cannot be compared.\n  Give a smaller one.",
        "- the payload of the older event count/Counted@1 has an integer of more than 64 bits",
    ] {
        assert!(reason.contains(found), "{reason}");
    }
}

#[test]
fn a_variant_that_is_never_written_is_named() {
    let folder = Folder::new();
    let catalogue = account!(folder, {
        enum AccountEvent {
            Opened,
            #[serde(skip_serializing)]
            Begun,
        }
    });
    let reason = refused(&folder, &catalogue);
    assert!(
        reason.contains("`Begun` of account is read but never written:")
            && reason.contains("`Upcaster::dropped(\"Begun\", 1)`"),
        "{reason}"
    );
}

#[test]
fn an_invalid_category_is_an_error() {
    events!(enum Bad in "" { Opened });
    let folder = Folder::new();
    let reason = refused(&folder, &folder.catalogue().events::<Bad>());
    assert!(
        reason.contains("the category of `Bad` is not valid: "),
        "{reason}"
    );
}

#[test]
fn a_generic_enum_has_its_own_name() {
    use super::super::key::short_name;
    assert_eq!(short_name::<Option<std::path::PathBuf>>(), "Option");
}

#[test]
fn samples_have_every_part_that_the_code_knows() {
    #[derive(Debug, Clone, Serialize, Deserialize)]
    enum Reason {
        #[serde(alias = "Gone")]
        Moved,
        Died {
            on: String,
        },
    }
    #[derive(Debug, Serialize, Deserialize)]
    struct Line {
        sku: String,
    }
    events!(enum Noted in "note" {
        Noted {
            text: Value,
            by: Option<String>,
            #[serde(alias = "why")] reason: Reason,
            #[serde(default)] lines: Vec<Line>,
            #[serde(default, skip_serializing_if = "Option::is_none")] note: Option<u8>,
            #[serde(default, skip_serializing)] old: u64,
        },
    });
    let folder = Folder::new();
    let noted = |reason: &Reason, some: bool| Noted::Noted {
        text: json!(1),
        by: some.then(|| "ann".to_owned()),
        reason: reason.clone(),
        lines: some
            .then(|| Line {
                sku: "a".to_owned(),
            })
            .into_iter()
            .collect(),
        note: some.then_some(1),
        old: 0,
    };
    let died = Reason::Died { on: "a".to_owned() };
    let catalogue = || folder.catalogue().events::<Noted>();
    let one = catalogue().sample(noted(&Reason::Moved, false));
    assert_eq!(
        refused(&folder, &one),
        "events.lock:\n\
         - the samples of `Noted` of note do not show a value of `by`, `lines[]`, `note`, `reason::Died`: a change there would not be noticed.\n  \
         Give more of them, `.sample(Noted::Noted { .. })`, until together they have every field, every variant and an item of every list."
    );
    accepted(
        &catalogue()
            .sample(noted(&Reason::Moved, false))
            .sample(noted(&died, true)),
    );
    assert!(
        folder.lock().contains(r#""reason":{"aliases":["why"]"#)
            || folder.lock().contains(r#""aliases":["why"]"#),
        "{}",
        folder.lock()
    );
}
