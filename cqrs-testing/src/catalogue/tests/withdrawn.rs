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
    let error = |catalogue: &Catalogue, settings| catalogue.run(settings).expect_err("fails");
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
    assert!(without.run(&in_ci).is_err());
    assert_eq!(folder.lock(), before);

    assert_eq!(without.run(&withdraw), Ok(String::new()));
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
