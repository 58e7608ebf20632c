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
    let enums = public_error_enums();
    for (name, body) in &enums {
        let section = section(&page, name).unwrap_or_default();
        let unlisted = variant_texts(body)
            .into_iter()
            .filter(|(variant, _)| !section.contains(&format!("`{variant}`")));
        missing.extend(unlisted.map(|(variant, _)| format!("{name}::{variant}")));
    }
    assert!(enums.len() > 10, "found only {} error enums", enums.len());
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

/// The public error enums of the published crates, with their bodies.
pub(crate) fn public_error_enums() -> Vec<(String, String)> {
    let files = sources();
    let found = files.iter().flat_map(|file| error_enums(&read(file)));
    found.collect()
}

/// The source files of the published crates.
fn sources() -> Vec<PathBuf> {
    let folders = ["cqrs-core/src", "cqrs-postgres/src", "cqrs-kafka/src"];
    let folders = folders.map(|folder| project().join(folder));
    folders
        .iter()
        .flat_map(|folder| files(folder, "rs"))
        .collect()
}

/// The public structs of the published crates that are errors and hold another one.
pub(crate) fn public_error_structs() -> Vec<String> {
    let files = sources();
    let found = files.iter().flat_map(|file| error_structs(&read(file)));
    found.collect()
}

fn error_structs(source: &str) -> Vec<String> {
    let after = source.split("\npub struct ").skip(1);
    let named = after.filter_map(|rest| {
        let name = first_word(rest);
        let body = rest.split_once('{')?.1.split_once("\n}")?.0;
        let by_hand = source.split_once(&format!("Error for {name} {{"));
        let by_hand = by_hand.and_then(|(_, body)| body.split("\n}").next());
        let derived = source.contains("thiserror::Error)]") && body.contains("#[source]");
        (derived || by_hand.is_some_and(|body| body.contains("fn source"))).then_some(name)
    });
    named.collect()
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

/// Each variant with the lines that belong to it: the attributes and comments before it, and its fields.
pub(crate) fn variant_texts(body: &str) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    let mut before = String::new();
    for line in body.lines() {
        let name = line
            .strip_prefix("    ")
            .map(first_word)
            .unwrap_or_default();
        if name.starts_with(char::is_uppercase) {
            texts.push((name, std::mem::take(&mut before) + line));
        } else if let (true, Some((_, text))) = (line.starts_with("        "), texts.last_mut()) {
            text.push_str(line);
        } else {
            before.push_str(line);
        }
    }
    texts
}

fn first_word(line: &str) -> String {
    line.chars().take_while(|c| c.is_alphanumeric()).collect()
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
