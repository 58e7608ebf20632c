//! The guide in the documentation of cqrs-core includes every page, and its links lead to its own modules.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use cqrs_tests::servers::project;

#[test]
fn the_guide_includes_every_page() {
    let guide = read("cqrs-core/src/guide.rs");
    for page in pages() {
        let page = page.strip_prefix(project()).expect("a page of the project");
        let path = format!("../{}", page.display());
        assert!(
            guide.contains(&path),
            "add {path} to cqrs-core/src/guide.rs"
        );
    }
}

/// rustdoc does not have the files, so an inline link to a file would be broken there.
#[test]
fn pages_link_each_other_by_reference() {
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page");
        let targets = text.split("](").skip(1);
        let mut targets = targets.filter_map(|rest| rest.split(')').next());
        let inline = targets.find(|target| !target.contains("://") && target.contains(".md"));
        assert_eq!(inline, None, "write [text][name] in {}", page.display());
    }
}

#[test]
fn every_reference_has_a_module_of_the_guide() {
    let modules: BTreeMap<_, _> = read("cqrs-core/src/guide/links.md")
        .lines()
        .filter_map(definition)
        .collect();
    let mut used = BTreeSet::new();
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page");
        for (name, target) in text.lines().filter_map(definition) {
            let module = modules.get(&name);
            let module = module.unwrap_or_else(|| panic!("add [{name}] to guide/links.md"));
            assert_eq!(*module, expected_module(&target), "of [{name}]");
            used.insert(name);
        }
    }
    let unused: Vec<_> = modules
        .keys()
        .filter(|name| !used.contains(*name))
        .collect();
    assert!(unused.is_empty(), "remove from guide/links.md: {unused:?}");
}

/// `../how-to/take-snapshots.md#limits` is `crate::guide::take_snapshots#limits`. All decisions are on one page.
fn expected_module(target: &str) -> String {
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let name = file.rsplit('/').next().expect("a name");
    let name = name.trim_end_matches(".md");
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        let title = read(&format!("docs/decisions/{name}.md"));
        let title = title.lines().next().unwrap_or_default();
        return format!("crate::guide::decisions#{}", slug(title));
    }
    let hash = if heading.is_empty() { "" } else { "#" };
    format!("crate::guide::{}{hash}{heading}", name.replace('-', "_"))
}

fn slug(title: &str) -> String {
    let title = title.trim_start_matches('#').trim().to_lowercase();
    let kept = title
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn definition(line: &str) -> Option<(String, String)> {
    let (name, target) = line.strip_prefix('[')?.split_once("]: ")?;
    Some((name.to_owned(), target.to_owned()))
}

fn pages() -> Vec<PathBuf> {
    let folders = [
        "tutorial",
        "how-to",
        "reference",
        "explanation",
        "decisions",
    ];
    let folders = folders.map(|folder| project().join("docs").join(folder));
    let entries = folders
        .into_iter()
        .flat_map(|folder| fs::read_dir(folder).expect("a folder"));
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(project().join(path)).expect("reads")
}
