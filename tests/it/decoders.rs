//! Only one place makes events from what is stored.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use cqrs_tests::servers::project;

/// The files that may read JSON, with the reason.
const READ_JSON: &[(&str, &str)] = &[
    (
        "cqrs-core/src/codec/deserialize.rs",
        "the payload of an event, for `codec::decode`",
    ),
    (
        "cqrs-core/src/codec/json.rs",
        "reads back what it has written",
    ),
    ("cqrs-core/src/codec/sorted.rs", "sorts the keys of a text"),
    ("cqrs-core/src/model/upcaster.rs", "a typed upcaster"),
    (
        "cqrs-core/src/model/upcaster/step.rs",
        "an upcaster of a JSON value",
    ),
    ("cqrs-core/src/ports/documents.rs", "a document"),
    ("cqrs-core/src/ports/import.rs", "checks that it is JSON"),
    (
        "cqrs-core/src/write/repository/snapshotting.rs",
        "the state of a snapshot",
    ),
];

/// A new reader that decodes by itself would not upcast: it must call `Events::decode` or `model::decode`.
#[test]
fn only_one_place_decodes_events() {
    let sources = sources();
    assert!(sources.len() > 100, "found only {} files", sources.len());
    let callers = having(&sources, &["codec::decode("]);
    assert_eq!(callers, BTreeSet::from(["cqrs-core/src/model/decode.rs"]));
    let readers = having(&sources, &["serde_json::from_", "serde_json::Deserializer"]);
    let allowed: BTreeSet<&str> = READ_JSON.iter().map(|(file, _)| *file).collect();
    let new: Vec<_> = readers
        .iter()
        .filter(|file| is_core(file) && !allowed.contains(*file))
        .collect();
    assert!(
        new.is_empty(),
        "call `Events::decode`, or add it with a reason: {new:?}"
    );
    let gone: Vec<_> = allowed.difference(&readers).collect();
    assert!(
        gone.is_empty(),
        "reads no JSON any more, remove it: {gone:?}"
    );
    let adapters = having(
        &sources,
        &["DeserializeOwned", "Events>::decode", "E::decode("],
    );
    let adapters: Vec<_> = adapters.iter().filter(|file| !is_core(file)).collect();
    assert!(
        adapters.is_empty(),
        "an adapter decodes nothing: {adapters:?}"
    );
}

fn is_core(file: &str) -> bool {
    file.starts_with("cqrs-core/")
}

/// The sources of core and adapters without their tests: each file with its text before the first `mod tests`.
fn sources() -> Vec<(String, String)> {
    let crates = ["cqrs-core", "cqrs-postgres", "cqrs-kafka"];
    let files = crates
        .iter()
        .flat_map(|name| files_below(&project().join(name).join("src")));
    let files = files.filter(|path| {
        let name = path.strip_prefix(project()).expect("a file of the project");
        let is_test = name
            .iter()
            .any(|part| part == "tests" || part == "tests.rs");
        !is_test && name.extension().is_some_and(|it| it == "rs")
    });
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a source");
        let code = text.split("\nmod tests").next().unwrap_or_default();
        let code = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        let name = path.strip_prefix(project()).expect("a file of the project");
        (name.display().to_string(), Vec::from_iter(code).join("\n"))
    };
    files.map(read).collect()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

fn having<'a>(sources: &'a [(String, String)], words: &[&str]) -> BTreeSet<&'a str> {
    let has = |text: &str| words.iter().any(|word| text.contains(word));
    sources
        .iter()
        .filter(|(_, text)| has(text))
        .map(|(name, _)| name.as_str())
        .collect()
}
