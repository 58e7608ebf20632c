//! The file itself: how it looks, and what happens to it between people.

use super::*;

fn account(folder: &Folder) -> Catalogue {
    account!(folder, {
        enum AccountEvent {
            Opened { owner: String, note: Option<String> },
            Closed,
        }
    })
}

#[test]
fn the_file_is_written_once_and_compared_afterwards() {
    let folder = Folder::new();
    let lacks = account(&folder)
        .run(&settings(""))
        .expect_err("there is no file");
    let lines = [
        r#"account/Closed@1 event 1bb3e96e null -> Closed@1 null"#,
        r#"account/Closed@1 shape 1bb3e96e "bare""#,
        r#"account/Opened@1 event 42968d22 {"owner":"","note":""} -> Opened@1 {"owner":"","note":""}"#,
        r#"account/Opened@1 event 42968d22 {"owner":"b","note":"a"} -> Opened@1 {"owner":"b","note":"a"}"#,
        r#"account/Opened@1 event 42968d22 {"owner":"b","note":null} -> Opened@1 {"owner":"b","note":null}"#,
        r#"account/Opened@1 shape 42968d22 {"struct":{"note":{"reads":{"option":"string"},"required":false},"owner":{"reads":"string","required":true}}}"#,
    ];
    for line in lines {
        assert!(lacks.contains(&format!("+ {line}\n")), "{lacks}");
    }
    assert!(!folder.0.join("events.lock").exists());
    accepted(&account(&folder));
    let sums = [
        "a859940c", "d639dc36", "29447e98", "1757235c", "b757a932", "d7feabac",
    ];
    let lines = lines
        .iter()
        .zip(sums)
        .map(|(line, sum)| format!("{line} #{sum}\n"));
    let header = "# Every event that may be stored, in every shape that it ever had. Lines are only added, by the test that checks \
                  them:\n# `CQRS_CATALOGUE=accept cargo test`. Never change or remove one. See the page \"Change an event\" of cqrs.\n";
    assert_eq!(
        folder.lock(),
        header.to_owned() + &lines.collect::<String>()
    );
}

#[test]
fn nothing_is_written_where_ci_is_set() {
    let folder = Folder::new();
    let in_ci = Settings::new(Some("accept"), Some("true")).expect("valid");
    let error = account(&folder)
        .schemas("schemas")
        .published_account()
        .run(&in_ci)
        .expect_err("lacks lines");
    assert!(
        error.ends_with(
            "\nNothing is written where `CI` is set: run `CQRS_CATALOGUE=accept cargo test` on your machine, and commit the file."
        ),
        "{error}"
    );
    assert_eq!(fs::read_dir(&folder.0).expect("a folder").count(), 0);
    let not_ci = Settings::new(Some("accept"), Some("false")).expect("valid");
    account(&folder).run(&not_ci).expect("is written");
}

impl Catalogue {
    /// As `.published::<E>()` for the enum that is listed.
    fn published_account(mut self) -> Self {
        self.enums[0].published = true;
        self
    }
}

#[test]
fn a_line_that_was_changed_is_refused() {
    let folder = Folder::new();
    accepted(&account(&folder));
    let text = folder.lock();
    let changed = text.replace("Opened@1 event", "Opened@2 event");
    folder.write("events.lock", &changed);
    let number = text
        .lines()
        .position(|line| line.contains("Opened@1 event"))
        .expect("a line");
    let line = changed.lines().nth(number).expect("a line");
    assert_eq!(
        refused(&folder, &account(&folder)),
        format!(
            "line {} of events.lock was changed by hand: {line}\n  Lines are only added. Restore it, for example with `git checkout \
             events.lock`, and run the test again.",
            number + 1
        )
    );
}

#[test]
fn a_line_that_was_removed_is_missed() {
    let folder = Folder::new();
    accepted(&account(&folder));
    let before = folder.lock();
    for removed in before.lines().filter(|line| !line.starts_with('#')) {
        let rest: Vec<_> = before.lines().filter(|line| *line != removed).collect();
        folder.write("events.lock", &rest.join("\n"));
        accepted(&account(&folder));
        assert_eq!(folder.lock(), before);
    }
}

#[test]
fn the_marks_of_a_merge_conflict_are_refused() {
    let folder = Folder::new();
    accepted(&account(&folder));
    let text = folder.lock();
    let lines: Vec<_> = text.lines().collect();
    let (ours, theirs) = lines.split_at(3);
    let (ours, theirs) = (ours.join("\n"), theirs.join("\n"));
    folder.write(
        "events.lock",
        &format!("<<<<<<< HEAD\n{ours}\n=======\n{theirs}\n>>>>>>> branch\n"),
    );
    assert_eq!(
        refused(&folder, &account(&folder)),
        "events.lock has the marks of a merge conflict, the first in line 1.\n  Keep the lines of both sides and remove the marks: \
         the order of the lines does not matter. Then run the test again."
    );
    // As the message says, in any order, and with a line of both sides twice.
    folder.write("events.lock", &format!("{theirs}\n{ours}\n{theirs}\n"));
    assert_eq!(account(&folder).run(&settings("")), Ok(String::new()));
}

#[test]
fn the_order_of_fields_makes_no_difference() {
    let folder = Folder::new();
    accepted(&account(&folder));
    let turned = account!(folder, {
        enum AccountEvent {
            Closed,
            Opened { note: Option<String>, owner: String },
        }
    });
    assert_eq!(turned.run(&settings("")), Ok(String::new()));
}

#[test]
fn the_variable_says_what_to_do() {
    let mode = |value| Settings::new(value, None).map(|settings| settings.mode);
    assert_eq!(mode(None), Ok(Mode::Compare));
    assert_eq!(mode(Some("accept")), Ok(Mode::Accept));
    let key = Key::new("account", "Pinged", 3);
    assert_eq!(
        mode(Some("withdraw:account/Pinged@3")),
        Ok(Mode::Withdraw(key.clone(), None))
    );
    assert_eq!(
        mode(Some("withdraw:account/Pinged@3#104d3467")),
        Ok(Mode::Withdraw(key, Some("104d3467".to_owned())))
    );
    let ci = |value| Settings::new(None, value).map(|settings| settings.ci);
    for (value, expected) in [
        (None, false),
        (Some(""), false),
        (Some("false"), false),
        (Some("true"), true),
        (Some("1"), true),
    ] {
        assert_eq!(ci(value), Ok(expected), "{value:?}");
    }
    for wrong in [
        "Accept",
        "withdraw:Pinged",
        "withdraw:account/Pinged",
        "withdraw:account/Pinged@x",
    ] {
        assert_eq!(
            mode(Some(wrong)),
            Err(format!(
                "CQRS_CATALOGUE is \"{wrong}\".\n  Set it to `accept`, or to `withdraw:category/Type@1` with the category, type and \
                 schema version of an event that was never stored."
            ))
        );
    }
}

#[test]
fn every_line_is_read_back() {
    let folder = Folder::new();
    let strange = account!(folder, {
        enum AccountEvent {
            #[serde(rename = "Money -> Deposited / + ß")]
            Deposited {
                text: String,
                #[serde(rename = "a -> b #c")]
                field: u8,
            },
        }
    });
    accepted(&strange);
    assert_eq!(key::escape("a b/%"), "a%20b%2f%25");
    assert_eq!(key::unescape("a%20b%2f%25").as_deref(), Some("a b/%"));
}

#[test]
fn a_file_that_cannot_be_written_leaves_nothing_behind() {
    let folder = Folder::new();
    fs::create_dir_all(folder.0.join("events.lock/inside")).expect("a folder");
    let path = folder.0.join("events.lock");
    let error = file::write(&path, "text").expect_err("it is a folder");
    let todo =
        ".\n  Correct the path, which begins at the crate, or the permissions of its folder.";
    assert!(error.ends_with(todo), "{error}");
    assert_eq!(fs::read_dir(&folder.0).expect("a folder").count(), 1);
    // What another process left behind is not touched.
    let other = folder.0.join(format!("new.{}-0.new", std::process::id()));
    fs::write(&other, "other").expect("is written");
    folder.write("new.lock", "text");
    assert_eq!(folder.read("new.lock"), "text");
    assert_eq!(fs::read_to_string(other).ok().as_deref(), Some("other"));
}

#[test]
fn large_integers_are_found() {
    use super::super::line::has_large_integer;
    for small in [
        "18446744073709551615",
        "[-9223372036854775808, 1e300, 0.5]",
        r#"{"99999999999999999999":"99999999999999999999\""}"#,
    ] {
        assert!(!has_large_integer(small), "{small}");
    }
    for large in ["18446744073709551616", r#"{"a":[1,-9223372036854775809]}"#] {
        assert!(has_large_integer(large), "{large}");
    }
}

#[test]
fn a_consumer_is_told_of_marks_in_its_contract() {
    let folder = Folder::new();
    folder.write("contracts/me.json", "<<<<<<< HEAD\n{}\n=======\n");
    let contract = crate::ConsumerContract::new(&folder.0, "contracts/me.json");
    let reason = contract.run(&settings("")).expect_err("it has marks");
    let begin = "contracts/me.json has the marks of a merge conflict. The code reads now:\n{";
    assert!(reason.starts_with(begin), "{reason}");
    assert_eq!(contract.run(&settings("accept")), Ok(()));
    assert_eq!(contract.run(&settings("")), Ok(()));
}

#[test]
fn the_marks_of_a_merge_conflict_in_a_contract_are_refused() {
    let folder = Folder::new();
    folder.write("contracts/me.json", "<<<<<<< HEAD\n{}\n=======\n");
    let reason = refused(&folder, &account(&folder).contracts("contracts"));
    let todo = "me.json has the marks of a merge conflict.\n  Run the test of the consumer with `CQRS_CATALOGUE=accept`: it writes the \
                file.";
    assert!(reason.ends_with(todo), "{reason}");
}
