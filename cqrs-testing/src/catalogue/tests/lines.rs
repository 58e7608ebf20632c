//! Lines that are hidden, go alone, or have other ends.

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
fn a_line_that_became_a_comment_is_refused() {
    let folder = Folder::new();
    accepted(&account(&folder));
    let text = folder.lock();
    for mark in ["#", "# ", "## "] {
        folder.write(
            "events.lock",
            &text.replacen(
                "account/Opened@1 shape",
                &format!("{mark}account/Opened@1 shape"),
                1,
            ),
        );
        let reason = refused(&folder, &account(&folder));
        let begin =
            format!("line 8 of events.lock is taken out by a `#`: {mark}account/Opened@1 shape ");
        let end = "\n  Lines are only added. Remove the `#`, and run the test again.";
        assert!(
            reason.starts_with(&begin) && reason.ends_with(end),
            "{reason}"
        );
    }
    folder.write("events.lock", &format!("# A remark of a person.\n{text}"));
    assert_eq!(account(&folder).run(&settings("")), Ok(String::new()));
}

#[test]
fn the_ends_of_lines_make_no_difference() {
    let folder = Folder::new();
    accepted(&account(&folder));
    for end in ["\r", "\r\n"] {
        let text = folder.lock().replace('\n', end);
        folder.write("events.lock", &text);
        let without = account!(folder, {
            enum AccountEvent {
                Closed,
            }
        });
        let reason = refused(&folder, &without);
        assert!(
            reason.contains("account/Opened is gone from the code"),
            "{reason}"
        );
        assert_eq!(account(&folder).run(&settings("")), Ok(String::new()));
        folder.write("events.lock", &text.replace(end, "\n"));
    }
}

/// A shape of an older schema version, which the code does not write again.
#[test]
fn a_shape_and_its_events_do_not_go_alone() {
    let folder = Folder::new();
    accepted(&account(&folder));
    let raised = || {
        account!(
            folder,
            { enum AccountEvent { Opened { owner: String, more: bool }, Closed } }
            Upcaster::json("Opened", 1, |payload| {
                *payload = serde_json::json!({ "owner": payload["owner"], "more": true });
            })
        )
    };
    accepted(&raised());
    let text = folder.lock();
    for (removed, words) in [
        (
            "account/Opened@1 shape",
            "the file has events of the shape 42968d22 of account/Opened@1, but no line of that shape: a line was removed.",
        ),
        (
            "account/Opened@1 event",
            "the file has the shape 42968d22 of account/Opened@1, but no event of it: a line was removed.",
        ),
    ] {
        let rest: Vec<_> = text
            .lines()
            .filter(|line| !line.starts_with(removed))
            .collect();
        folder.write("events.lock", &rest.join("\n"));
        let reason = refused(&folder, &raised());
        assert!(reason.contains(words), "{reason}");
    }
}

#[test]
fn an_older_event_of_several_lines_is_one_line_of_the_file() {
    let folder = Folder::new();
    let raised = account!(
        folder,
        { enum AccountEvent { Opened { name: String } } }
        Upcaster::json("Opened", 1, |payload| *payload = serde_json::json!({ "name": payload["owner"] }))
    );
    let payload = "{\n  \"owner\": \"Ann \\\" Lee\"\r\n} ";
    accepted(&raised.older::<Opened>("Opened", 1, payload));
    let line =
        r#"account/Opened@1 event - {"owner":"Ann \" Lee"} -> Opened@2 {"name":"Ann \" Lee"}"#;
    assert!(folder.lock().contains(line), "{}", folder.lock());
}

/// Names the category alone.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
enum Opened {}

impl Event for Opened {
    const CATEGORY: &'static str = "account";
}
