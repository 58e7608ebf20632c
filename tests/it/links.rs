//! Every relative link between the pages leads to a file, and to a heading of it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use cqrs_tests::servers::project;

#[test]
fn every_link_between_the_pages_leads_somewhere() {
    let pages = pages();
    assert!(pages.len() > 30, "pages are missing");
    let broken: Vec<String> = pages.iter().flat_map(|page| broken_links(page)).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_label_of_a_link_is_defined_on_its_page() {
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page");
        let labels = text.lines().filter_map(label);
        let defined: BTreeSet<&str> = labels.collect();
        // Code may show a link.
        let prose: String = text.split('`').step_by(2).collect();
        let used = prose.split("][").skip(1);
        let used = used.filter_map(|rest| rest.split(']').next());
        let missing = Vec::from_iter(used.filter(|label| !defined.contains(label)));
        assert!(missing.is_empty(), "{}: {missing:?}", page.display());
    }
}

fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    markdown(project(), &mut pages);
    let mut folders = vec![project().join("docs")];
    while let Some(folder) = folders.pop() {
        markdown(&folder, &mut pages);
        let entries = fs::read_dir(&folder).expect("a folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        folders.extend(paths.filter(|path| path.is_dir()));
    }
    pages
}

fn markdown(folder: &Path, pages: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    pages.extend(paths.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
}

fn broken_links(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).expect("a page");
    let inline = text.split("](").skip(1);
    let inline = inline.filter_map(|rest| rest.split(')').next());
    let definitions = text.lines().filter_map(definition);
    inline
        .chain(definitions)
        .map(|target| target.replace('\n', ""))
        .filter(|target| !target.contains("://") && !leads_somewhere(page, target))
        .map(|target| format!("{}: {target}", page.display()))
        .collect()
}

/// The label of a line `[label]: target`.
fn label(line: &str) -> Option<&str> {
    let (label, _) = line.strip_prefix('[')?.split_once("]: ")?;
    Some(label)
}

/// The target of a line `[label]: target`.
fn definition(line: &str) -> Option<&str> {
    let (_, target) = line.strip_prefix('[')?.split_once("]: ")?;
    Some(target)
}

fn leads_somewhere(page: &Path, target: &str) -> bool {
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let file = match file {
        "" => page.to_owned(),
        file => page.parent().expect("a page lies in a folder").join(file),
    };
    if heading.is_empty() {
        return file.exists();
    }
    fs::read_to_string(file).is_ok_and(|text| headings(&text).any(|slug| slug == heading))
}

/// The anchors that GitHub and docs.rs make of headings.
fn headings(text: &str) -> impl Iterator<Item = String> {
    text.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
}
