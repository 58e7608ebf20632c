//! Every metric has a name in `cqrs_core::telemetry`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use cqrs_core::telemetry;
use cqrs_tests::servers::project;

const CRATES: [&str; 3] = ["cqrs-core", "cqrs-postgres", "cqrs-kafka"];

/// A metric under a name of its own would be in no list.
#[test]
fn no_metric_is_named_where_it_is_measured() {
    let mut used = BTreeSet::new();
    for path in CRATES
        .iter()
        .flat_map(|name| sources(&project().join(name).join("src")))
    {
        let text = fs::read_to_string(&path).expect("a source file");
        for call in ["counter!(", "gauge!(", "histogram!("] {
            let call = format!("metrics::{call}");
            let calls = text.match_indices(&*call);
            for (at, found) in calls {
                let name = text[at + found.len()..].trim_start();
                assert!(!name.starts_with('"'), "{}: {call}", path.display());
            }
        }
        used.extend(constants(&text));
    }
    let names = ["telemetry.rs"];
    let listed = CRATES[0];
    let list = project().join(listed).join("src").join(names[0]);
    let list = fs::read_to_string(list).expect("the list");
    let defined = BTreeSet::from_iter(
        list.lines()
            .filter(|line| line.contains(" = \"cqrs."))
            .filter_map(|line| Some(line.trim().split(' ').next()?.to_owned())),
    );
    assert_eq!(used, defined, "what is measured, and what is listed");
    assert_eq!(defined.len(), telemetry::ALL.len());
}

/// The names that the code measures under.
fn constants(text: &str) -> Vec<String> {
    let parts = text.split("telemetry::").skip(1);
    let names = parts.map(|rest| {
        let ends = |c: char| !(c.is_ascii_uppercase() || c == '_');
        rest.split(ends).next().unwrap_or_default().to_owned()
    });
    names
        .filter(|name| name.len() > 3 && name != "ALL")
        .collect()
}

/// The page lists every metric, with its labels.
#[test]
fn the_page_lists_every_metric() {
    let page = project().join("docs/reference/metrics.md");
    let page = fs::read_to_string(page).expect("the page");
    for metric in telemetry::ALL {
        let labels = metric.labels.iter().map(|label| format!("`{label}`"));
        let row = format!("| `{}` |", metric.name);
        let line = page.lines().find(|line| line.starts_with(&row));
        let line = line.unwrap_or_else(|| panic!("{} is not listed", metric.name));
        for part in labels.chain([metric.says.to_owned()]) {
            assert!(line.contains(&part), "{}: {part}", metric.name);
        }
    }
    let listed = page.lines().filter(|line| line.starts_with("| `cqrs."));
    assert_eq!(listed.count(), telemetry::ALL.len());
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => sources(&path),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|found| found == "rs"))
        .collect()
}
