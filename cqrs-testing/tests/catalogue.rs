//! The macros, and the variables of the environment, in processes of their own.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use cqrs_core::Event;
use serde::{Deserialize, Serialize};

/// Names the folder in which the other process keeps its files.
const FOLDER: &str = "CQRS_TEST_CATALOGUE";

#[derive(Debug, Serialize, Deserialize)]
enum AccountEvent {
    Opened { owner: String },
}

impl Event for AccountEvent {
    const CATEGORY: &'static str = "account";
}

/// The test of a user. It runs only in the processes that the other test starts.
#[test]
fn of_a_user() {
    let Some(folder) = env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    let file = |name: &str| folder.join(name).display().to_string();
    cqrs_testing::consumer_contract!(file("contracts/me.json"), AccountEvent).check();
    cqrs_testing::catalogue!(file("events.lock"), AccountEvent)
        .published::<AccountEvent>()
        .schemas(file("schemas"))
        .contracts(file("contracts"))
        .check();
}

fn run(folder: &Path, variable: Option<&str>, ci: bool) -> Output {
    let mut command = Command::new(env::current_exe().expect("this program"));
    command.args(["--exact", "of_a_user"]);
    command
        .env_remove("CI")
        .env_remove("CQRS_CATALOGUE")
        .env(FOLDER, folder);
    command.envs(variable.map(|value| ("CQRS_CATALOGUE", value)));
    command.envs(ci.then_some(("CI", "true")));
    command.output().expect("runs")
}

#[test]
fn the_environment_says_whether_files_are_written() {
    let folder = env::temp_dir().join(format!("cqrs-catalogue-of-a-user-{}", std::process::id()));
    let files = || {
        let names = [
            "events.lock",
            "contracts/me.json",
            "schemas/account.Opened.1.json",
        ];
        names.map(|name| folder.join(name).exists())
    };
    for (variable, ci) in [
        (None, false),
        (Some("accept"), true),
        (Some("nonsense"), false),
    ] {
        assert!(
            !run(&folder, variable, ci).status.success(),
            "{variable:?}, {ci}"
        );
        assert_eq!(files(), [false; 3]);
    }
    let accepted = run(&folder, Some("accept"), false);
    let stderr = String::from_utf8_lossy(&accepted.stderr);
    assert!(accepted.status.success(), "{stderr}");
    assert!(stderr.contains("+ account/Opened@1 event "), "{stderr}");
    assert_eq!(files(), [true; 3]);
    for ci in [false, true] {
        assert!(run(&folder, None, ci).status.success());
    }
    fs::remove_dir_all(&folder).expect("is removed");
}
