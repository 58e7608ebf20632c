//! Every file and every test that the pages of invariants and of attacks name exists, and every test of the table of rights.

use std::{collections::BTreeSet, fs, path::Path};

use cqrs_tests::servers::project;

#[test]
fn every_invariant_names_its_keeper_and_its_tests() {
    let page = page();
    let sections: Vec<&str> = page.split("\n### ").skip(1).collect();
    assert!(sections.len() > 40, "the page has lost its invariants");
    for section in sections {
        let title = section.lines().next().unwrap_or_default();
        assert!(item(section, "Kept by").is_some(), "no keeper: {title}");
        let tests = item(section, "Tests").unwrap_or_else(|| panic!("no tests: {title}"));
        let named = quoted(&tests).next().is_some();
        assert!(named || tests.contains("none,"), "no test named: {title}");
    }
}

#[test]
fn every_test_that_the_invariants_name_exists() {
    let page = page();
    let functions = functions();
    let tests: Vec<String> = page
        .split("\n### ")
        .filter_map(|section| item(section, "Tests"))
        .collect();
    let missing: Vec<&str> = tests
        .iter()
        .flat_map(|tests| quoted(tests))
        .filter(|name| !name.contains('/') && !functions.contains(*name))
        .collect();
    assert!(missing.is_empty(), "no such tests: {missing:#?}");
}

#[test]
fn every_file_that_the_invariants_name_exists() {
    let page = page();
    let missing: Vec<&str> = quoted(&page)
        .filter(|name| name.contains('/') && !project().join(name).exists())
        .collect();
    assert!(missing.is_empty(), "no such files: {missing:#?}");
}

#[test]
fn every_row_of_the_table_of_rights_names_tests_that_exist() {
    let page = read(&project().join("SECURITY.md"));
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip_while(|line| !line.contains("| Test |"))
        .skip(2);
    check_rows(rows.collect(), 5);
}

#[test]
fn every_attack_names_tests_that_exist() {
    let page = read(&project().join("docs/explanation/attacks.md"));
    let rows = page.lines().filter(|line| {
        let is_head = line.starts_with("| Tried |") || line.starts_with("| --- |");
        line.starts_with("| ") && !is_head
    });
    check_rows(rows.collect(), 50);
}

/// The last cell of each of these rows names tests that exist.
fn check_rows(rows: Vec<&str>, at_least: usize) {
    assert!(rows.len() > at_least, "the table has lost its rows");
    let functions = functions();
    for row in rows {
        let tests = row.rsplit('|').nth(1).unwrap_or_default();
        let mut tests = quoted(tests).peekable();
        assert!(tests.peek().is_some(), "no test: {row}");
        tests.for_each(|test| assert!(functions.contains(test), "no such test: {test}"));
    }
}

fn page() -> String {
    read(&project().join("docs/explanation/invariants.md"))
}

/// The text of the list item `- name: ..`, with its continuation lines.
fn item(section: &str, name: &str) -> Option<String> {
    let begin = section.find(&format!("\n- {name}: "))? + 1;
    let lines = section[begin..].lines();
    let rest = lines
        .clone()
        .skip(1)
        .take_while(|line| line.starts_with("  "));
    Some(lines.take(1).chain(rest).collect::<Vec<_>>().join(" "))
}

/// The texts between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The names of all functions in the workspace.
fn functions() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for folder in fs::read_dir(project()).expect("the workspace is a folder") {
        let folder = folder.expect("an entry").path();
        if folder.join("Cargo.toml").exists() {
            collect(&folder, &mut names);
        }
    }
    names
}

fn collect(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = read(&path);
            let after = text.split("fn ").skip(1);
            names.extend(after.map(|rest| rest.chars().take_while(is_of_a_name).collect()));
        }
    }
}

fn is_of_a_name(character: &char) -> bool {
    character.is_ascii_alphanumeric() || *character == '_'
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
