//! What was never stored may be taken back.

use super::*;

#[test]
fn a_type_that_was_never_stored_is_withdrawn() {
    let folder = Folder::new();
    let both = account!(folder, {
        enum AccountEvent {
            Opened,
            Pinged { at: u64 },
        }
    });
    accepted(&both);
    let withdraw = settings("withdraw:account/Pinged@1");
    fn error(catalogue: &Catalogue, settings: &Settings) -> String {
        catalogue.run(settings).expect_err("fails")
    }
    assert_eq!(
        error(&both, &withdraw),
        "events.lock:\n\
         - account/Pinged@1 is in the code, so it cannot be withdrawn.\n  Remove or change the event type first."
    );
    let without = account!(folder, {
        enum AccountEvent {
            Opened,
        }
    });
    assert_eq!(
        error(&without, &settings("withdraw:account/Pung@1")),
        "events.lock:\n\
         - the file has no line of account/Pung@1, so there is nothing to withdraw.\n  Correct its name or its schema version."
    );
    let elsewhere = Folder::new();
    let other = account!(elsewhere, {
        enum AccountEvent {
            Opened,
        }
    });
    accepted(&other);
    let before = folder.lock();
    let in_ci = Settings::new(Some("withdraw:account/Pinged@1"), Some("true")).expect("valid");
    assert_eq!(
        error(&without, &in_ci),
        "events.lock:\n\
         - account/Pinged@1 is not withdrawn. Nothing is written where `CI` is set: run `CQRS_CATALOGUE=withdraw:account/Pinged@1 cargo \
         test` on your machine, and commit the file."
    );
    assert_eq!(folder.lock(), before);

    let report = without.run(&withdraw).expect("is withdrawn");
    let begin = "events.lock gets new lines:\n+ account/Pinged@1 withdrawn ";
    assert!(report.starts_with(begin), "{report}");
    let again = "account/Pinged@1 was withdrawn before.".to_owned();
    assert_eq!(without.run(&withdraw), Ok(again));
    let after = folder.lock();
    let added: Vec<_> = after
        .lines()
        .filter(|line| !before.contains(line))
        .collect();
    assert!(
        matches!(added[..], [line] if line.starts_with("account/Pinged@1 withdrawn ")),
        "{added:?}"
    );
    assert_eq!(after.lines().count(), before.lines().count() + 1);
    assert_eq!(without.run(&settings("")), Ok(String::new()));
    assert_eq!(
        refused(&folder, &both),
        "events.lock:\n\
         - account/Pinged@1 was withdrawn with this shape, and is in the code again.\n  Give the event type another name, or another \
         shape."
    );
    // The shape was withdrawn, not the name.
    accepted(&account!(folder, {
        enum AccountEvent {
            Opened,
            Pinged { at: String },
        }
    }));
}

#[test]
fn a_category_that_is_not_listed_is_said_to_be_elsewhere() {
    let folder = Folder::new();
    let catalogue = account!(folder, {
        enum AccountEvent {
            Opened,
        }
    });
    accepted(&catalogue);
    let report = "acount/Opened@1 is not withdrawn here: no enum that is listed has its category.";
    assert_eq!(
        catalogue.run(&settings("withdraw:acount/Opened@1")),
        Ok(report.to_owned())
    );
}

#[test]
fn several_shapes_are_withdrawn_one_by_one() {
    let folder = Folder::new();
    accepted(&account!(folder, {
        enum AccountEvent {
            Opened { a: u8 },
        }
    }));
    accepted(&account!(folder, {
        enum AccountEvent {
            Opened {
                a: u8,
                #[serde(default)]
                b: u8,
            },
        }
    }));
    let gone = account!(folder, {
        enum AccountEvent {
            Closed,
        }
    });
    let asks = gone
        .run(&settings("withdraw:account/Opened@1"))
        .expect_err("asks");
    assert!(
        asks.contains("account/Opened@1 has several shapes that are not in the code."),
        "{asks}"
    );
    let hashes = asks
        .match_indices("@1#")
        .map(|(at, _)| asks[at + 3..at + 11].to_owned());
    let hashes: Vec<_> = hashes.collect();
    assert_eq!(hashes.len(), 2, "{asks}");
    for hash in &hashes {
        let before = folder.lock();
        drop(gone.run(&settings(&format!("withdraw:account/Opened@1#{hash}"))));
        let added = format!("account/Opened@1 withdrawn {hash} ");
        assert!(!before.contains(&added) && folder.lock().contains(&added));
    }
    accepted(&gone);
}
