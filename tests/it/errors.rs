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
    let enums = public_errors().into_iter().filter(|error| error.is_enum);
    let enums = Vec::from_iter(enums);
    for ErrorType { name, body, .. } in &enums {
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

/// A public type that is an error, or the kind of one.
pub(crate) struct ErrorType {
    pub(crate) name: String,
    /// Its fields or variants, as source text.
    pub(crate) body: String,
    pub(crate) is_enum: bool,
    /// `false` for the kind of an error.
    pub(crate) implements_error: bool,
}

/// The public error types of the published crates.
pub(crate) fn public_errors() -> Vec<ErrorType> {
    let crates = ["cqrs-core", "cqrs-postgres", "cqrs-kafka", "cqrs-testing"];
    let folders = crates.map(|name| project().join(name).join("src"));
    let sources = folders.iter().flat_map(|folder| files(folder, "rs"));
    sources.flat_map(|file| error_types(&read(&file))).collect()
}

fn error_types(source: &str) -> Vec<ErrorType> {
    let mut found = Vec::new();
    for (keyword, is_enum) in [("\npub struct ", false), ("\npub enum ", true)] {
        for (at, _) in source.match_indices(keyword) {
            let (before, declared) = (&source[..at], &source[at + keyword.len()..]);
            let above = before.rsplit("\n\n").next().unwrap_or_default();
            let is_derived =
                |line: &str| line.starts_with("#[") && line.contains("thiserror::Error");
            let name = first_word(declared);
            let implements_error = above.lines().any(is_derived)
                || source.contains(&format!("Error for {name} "))
                || source.contains(&format!("Error for {name}<"));
            if implements_error || name.ends_with("ErrorKind") {
                let body = declared.split("\n}").next().unwrap_or_default().to_owned();
                found.push(ErrorType {
                    name,
                    body,
                    is_enum,
                    implements_error,
                });
            }
        }
    }
    found
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
