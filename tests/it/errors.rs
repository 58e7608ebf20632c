//! The error index has every variant of every public error, and every SQLSTATE of our own.

use std::{
    fs,
    path::{Path, PathBuf},
};

use cqrs_tests::servers::project;

#[test]
fn the_error_index_has_every_variant() {
    let page = page();
    let mut missing = Vec::new();
    let mut enums = 0;
    for source in ["cqrs-core/src", "cqrs-postgres/src", "cqrs-kafka/src"] {
        for file in files(&project().join(source), "rs") {
            for (name, body) in error_enums(&read(&file)) {
                enums += 1;
                let section = section(&page, &name).unwrap_or_default();
                let listed = |variant: &String| section.contains(&format!("`{variant}`"));
                let unlisted = variants(&body)
                    .into_iter()
                    .filter(|variant| !listed(variant));
                missing.extend(unlisted.map(|variant| format!("{name}::{variant}")));
            }
        }
    }
    assert!(enums > 10, "found {enums} enums of errors only");
    assert!(
        missing.is_empty(),
        "add to docs/reference/errors.md: {missing:#?}"
    );
}

#[test]
fn the_error_index_has_every_sqlstate() {
    let page = page();
    for file in files(&project().join("cqrs-postgres/sql"), "sql") {
        for rest in read(&file).split("errcode = '").skip(1) {
            let code = rest.split('\'').next().unwrap_or_default();
            assert!(
                page.contains(&format!("| `{code}` |")),
                "add {code} to the error index"
            );
        }
    }
}

fn page() -> String {
    read(&project().join("docs/reference/errors.md"))
}

/// Public enums whose name says that they are errors, with their bodies.
fn error_enums(source: &str) -> Vec<(String, String)> {
    let after = source.split("\npub enum ").skip(1);
    let named = after.filter_map(|rest| {
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric()).collect();
        let body = rest.split_once('{')?.1.split_once("\n}")?.0;
        let is_error = name.ends_with("Error") || name.ends_with("ErrorKind");
        is_error.then(|| (name, body.to_owned()))
    });
    named.collect()
}

/// The names at the indentation of a variant.
fn variants(body: &str) -> Vec<String> {
    let lines = body.lines().filter_map(|line| line.strip_prefix("    "));
    let names = lines.map(|line| line.chars().take_while(|c| c.is_alphanumeric()).collect());
    names
        .filter(|name: &String| name.starts_with(|first: char| first.is_uppercase()))
        .collect()
}

fn section(page: &str, name: &str) -> Option<String> {
    let mut sections = page.split("\n### ").skip(1);
    let heading = format!("`{name}`");
    let found = sections.find(|section| {
        section
            .lines()
            .next()
            .unwrap_or_default()
            .contains(&heading)
    });
    found.map(ToOwned::to_owned)
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
