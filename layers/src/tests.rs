//! Planted imports and cycles are found, and imports that do not count are ignored.

use super::*;
use crate::{imports::Source, tree::Crate};

/// A workspace with the one crate `it`, from (path below `src` without `.rs`, text).
fn workspace(files: &[(&str, &str)]) -> Workspace {
    let sources = files.iter().map(|(path, text)| Source {
        module: path
            .split('/')
            .filter(|name| *name != "lib")
            .map(str::to_owned)
            .collect(),
        name: format!("{path}.rs"),
        text: (*text).to_owned(),
    });
    let it = Crate {
        dependencies: Vec::new(),
        sources: sources.collect(),
    };
    let crates = [("it".to_owned(), it)].into();
    Workspace { crates }
}

fn found(rules: &str, files: &[(&str, &str)]) -> Vec<String> {
    violations(
        &workspace(files),
        &Rules::parse(rules).expect("valid rules"),
    )
}

const LAYERS: &str = "crates\n    it\nit\n    low\n    high: low\n";

#[test]
fn an_import_down_is_allowed_and_one_up_is_not() {
    let down = [("low", ""), ("high", "use crate::low::Thing;")];
    assert_eq!(found(LAYERS, &down), [""; 0]);
    let up = [("low", "\nuse crate::high::Thing;"), ("high", "")];
    assert_eq!(
        found(LAYERS, &up),
        ["low.rs:2: low may not import from high"]
    );
}

#[test]
fn every_way_to_write_an_import_is_seen() {
    for up in [
        "use crate::{std::X, high::{self, Thing}};",
        "use super::high::Thing as Other;",
        "use self::super::high::*;",
        "fn f() { crate::high::thing() }",
        "fn f() { if true { use crate::high::Thing; } }",
        "fn f() { println!(\"{}\", crate::high::VALUE) }",
        "mod inner { fn f() -> super::super::high::Thing { todo() } }",
        "pub(crate) use crate::high::Thing;",
    ] {
        let found = found(LAYERS, &[("low", up), ("high", "")]);
        assert_eq!(found.len(), 1, "{up}: {found:?}");
    }
}

#[test]
fn tests_comments_and_paths_of_macros_do_not_count() {
    for text in [
        "#[cfg(test)]\nmod tests { use crate::high::Thing; }",
        "#[cfg(test)]\nuse crate::{high::Thing, high::Other};\nfn f() {}",
        "/// Cf. [`Thing`](crate::high::Thing).\nfn f() {}",
        "macro_rules! m { () => { $crate::high::thing() } }",
        "fn f<'a>() -> impl Sized + use<'a> { self.high() }",
    ] {
        assert_eq!(
            found(LAYERS, &[("low", text), ("high", "")]),
            [""; 0],
            "{text}"
        );
    }
    let test_file = [
        ("low", "#[cfg(test)]\nmod tests;"),
        ("low/tests", "use crate::high::Thing;"),
        ("low/tests/more", "use crate::high::Thing;"),
        ("high", ""),
    ];
    assert_eq!(found(LAYERS, &test_file), [""; 0]);
}

#[test]
fn a_name_is_followed_through_reexports() {
    let through_middle = [
        ("low", "use crate::middle::Thing;"),
        ("middle", "pub use crate::high::Thing;"),
        ("high", ""),
    ];
    let rules = "crates\n    it\nit\n    low: middle\n    middle: high\n    high\n";
    assert_eq!(
        found(rules, &through_middle),
        ["low.rs:1: low may not import from high"]
    );
    let through_root = [
        ("lib", "pub use self::low::Thing;"),
        ("low", ""),
        ("high", "use crate::Thing;"),
    ];
    let found = found(LAYERS, &through_root);
    assert_eq!(
        found,
        ["high.rs:1: import crate::Thing from the module that defines it, not from the root"]
    );
}

#[test]
fn siblings_must_not_import_from_each_other_in_a_cycle() {
    let rules = "crates\n    it\nit\n";
    let cycle = [
        ("room", "pub use self::{a::A, b::B, c::C};"),
        ("room/a", "use crate::room::b::B;"),
        ("room/b", "use super::C;"),
        ("room/c", "fn f() { super::a::thing() }"),
    ];
    assert_eq!(
        found(rules, &cycle),
        [
            "it::room::{a, b, c} import from each other in a cycle: room/a.rs:1, room/b.rs:1, room/c.rs:1"
        ]
    );
    let known = format!("{rules}known\n    it::room::c: a\n");
    assert_eq!(found(&known, &cycle), [""; 0]);
    let outdated = format!("{known}    it::room::a: c\n");
    assert_eq!(
        found(&outdated, &cycle),
        [
            "allowed.txt lists it::room::a -> c under known, but nothing imports that any more: remove the line"
        ]
    );
}

#[test]
fn a_module_and_its_submodules_may_know_each_other() {
    let files = [
        ("room", "mod a;\nuse self::a::A;\npub struct Own;"),
        ("room/a", "use super::Own;\nuse crate::room::Own as Same;"),
    ];
    assert_eq!(found("crates\n    it\nit\n", &files), [""; 0]);
}

#[test]
fn a_module_without_a_line_is_an_error() {
    let files = [("low", ""), ("high", ""), ("new", "")];
    assert_eq!(
        found(LAYERS, &files),
        ["it::new has no line in allowed.txt"]
    );
}

#[test]
fn crates_must_not_depend_on_those_above_them() {
    let mut workspace = workspace(&[]);
    let manifest =
        "[package]\nname = \"it\"\n[dev-dependencies]\ncqrs-up.workspace = true\nserde = \"1\"\n";
    if let Some(it) = workspace.crates.get_mut("it") {
        it.dependencies = manifest::dependencies(manifest);
    }
    let rules = Rules::parse("crates\n    it\n    cqrs-up: it\n").expect("valid rules");
    assert_eq!(
        violations(&workspace, &rules),
        ["it/Cargo.toml: it may not import from cqrs-up"]
    );
}

/// The rules hold here, and a wrong import in the real source is found, so the check does see the source.
#[test]
fn an_import_planted_in_this_workspace_is_found() {
    let root = root();
    let rules = Rules::read(&root.join("layers/allowed.txt")).expect("the rules");
    let workspace = Workspace::read(&root, &rules.crates()).expect("the workspace");
    assert_eq!(violations(&workspace, &rules), [""; 0]);
    for (in_crate, file, planted) in [
        ("cqrs-core", "model/event", "use crate::read::Runner;"),
        (
            "cqrs-core",
            "model/number",
            "use crate::model::stream::StreamId;",
        ),
        ("cqrs-core", "ports/error", "use crate::roles::Aggregate;"),
        (
            "cqrs-testing",
            "linearizability/history",
            "use crate::contract::writers;",
        ),
    ] {
        let mut workspace = workspace.clone();
        let sources = workspace.crates.get_mut(in_crate).map(|it| &mut it.sources);
        let source = sources.and_then(|sources| {
            sources
                .iter_mut()
                .find(|source| source.module.join("/") == file)
        });
        source.expect("the file is there").text.push_str(planted);
        let found = violations(&workspace, &rules);
        assert!(!found.is_empty(), "{planted} in {file} was not found");
    }
}
