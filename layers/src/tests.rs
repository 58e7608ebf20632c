//! Planted imports and cycles are found, and imports that do not count are ignored.

use super::*;
use crate::{imports::Source, metadata::Dependency, tree::Crate};

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
        manifest: "it/Cargo.toml".to_owned(),
        trees: [("it".to_owned(), sources.collect())].into(),
        ..Crate::default()
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
    let rules = "crates\n    it\nit\n    high\n    middle: high\n    low: middle\n";
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
fn a_line_for_nothing_is_an_error() {
    let rules = format!("{LAYERS}    gone\nformer\n    low\n");
    let files = [("low", ""), ("high", "")];
    assert_eq!(
        found(&rules, &files),
        [
            "allowed.txt has layers of former, which is no crate",
            "allowed.txt has a line for it::gone, which does not exist: remove the line",
        ]
    );
}

#[test]
fn a_line_can_name_only_lines_above_it() {
    let error = Rules::parse("it\n    low: high\n    high\n").expect_err("wrong order");
    assert_eq!(error, "\"    low: high\": no line above it lists high");
}

#[test]
fn crates_must_not_depend_on_those_above_them() {
    let mut workspace = workspace(&[]);
    workspace.crates.insert("up".to_owned(), Crate::default());
    let it = workspace.crates.get_mut("it").expect("inserted");
    it.dependencies = vec!["up".to_owned()];
    let rules = Rules::parse("crates\n    it\n    up: it\n").expect("valid rules");
    assert_eq!(
        violations(&workspace, &rules),
        ["it/Cargo.toml: it may not import from up"]
    );
}

#[test]
fn what_tests_may_import_product_code_may_not() {
    let mut workspace = workspace(&[]);
    workspace.crates.insert("kit".to_owned(), Crate::default());
    let rules = Rules::parse("crates\n    kit\n    it\ntests\n    it: kit\n").expect("valid");
    let it = workspace.crates.get_mut("it").expect("inserted");
    it.dev_dependencies = vec!["kit".to_owned()];
    assert_eq!(violations(&workspace, &rules), [""; 0]);
    let it = workspace.crates.get_mut("it").expect("inserted");
    it.dependencies = std::mem::take(&mut it.dev_dependencies);
    assert_eq!(
        violations(&workspace, &rules),
        ["it/Cargo.toml: it may not import from kit"]
    );
}

/// This workspace and its rules.
fn here() -> (Metadata, Rules) {
    let root = root();
    let rules = Rules::read(&root.join("layers/allowed.txt")).expect("the rules");
    (Metadata::read(&root).expect("the metadata"), rules)
}

/// The rules hold here, and a wrong import in the real source is found, so the check does see the source.
#[test]
fn an_import_planted_in_this_workspace_is_found() {
    let (metadata, rules) = here();
    let workspace = Workspace::read(&metadata).expect("the workspace");
    assert_eq!(violations(&workspace, &rules), [""; 0]);
    let mut planted = workspace;
    let mut places = Vec::new();
    for (tree, file, import) in [
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
        // Up, and sideways without a cycle.
        ("cqrs-postgres", "row", "use crate::store::PgEventStore;"),
        (
            "cqrs-postgres",
            "fence_holders",
            "use crate::replay::Replays;",
        ),
        ("cqrs-kafka", "error", "use crate::source::KafkaSource;"),
        ("cqrs-kafka", "source", "use crate::publisher::X;"),
        // Cycles in crates without layers, in tests too.
        ("cqrs-check", "plan", "use crate::run::X;"),
        ("cqrs-benches", "measure", "use crate::append::X;"),
        ("cqrs-layers", "graph", "use crate::check::violations;"),
        ("cqrs-tests", "servers", "use crate::child::X;"),
        ("tests/it", "support", "use crate::failures::X;"),
        ("shop", "order/aggregate", "use super::views::X;"),
    ] {
        let trees = planted.crates.values_mut().flat_map(|it| &mut it.trees);
        let mut sources = trees.filter(|(name, _)| *name == tree).flat_map(|it| it.1);
        let source = sources.find(|source| source.module.join("/") == file);
        let source = source.unwrap_or_else(|| panic!("no {file} in {tree}"));
        places.push(format!(
            "{}:{}",
            source.name,
            source.text.lines().count() + 1
        ));
        source.text.push_str(import);
    }
    let found = violations(&planted, &rules);
    for place in places {
        let seen = found.iter().any(|violation| violation.contains(&place));
        assert!(seen, "{place} is not in {found:?}");
    }
}

#[test]
fn a_dependency_planted_in_this_workspace_is_found() {
    let (mut metadata, rules) = here();
    let mut planted = Vec::new();
    for package in &mut metadata.packages {
        package.targets.clear();
        let name = &package.name;
        // What is there for tests becomes a dependency of product code.
        for dependency in &mut package.dependencies {
            dependency.kind = None;
        }
        package.dependencies.push(Dependency {
            name: "cqrs-benches".to_owned(),
            kind: None,
        });
        planted.push(format!("{name} may not import from cqrs-benches"));
    }
    for adapter in ["cqrs-postgres", "cqrs-kafka"] {
        planted.push(format!("{adapter} may not import from cqrs-testing"));
    }
    let workspace = Workspace::read(&metadata).expect("the workspace");
    let found = violations(&workspace, &rules);
    for words in planted {
        let seen = found.iter().any(|violation| violation.ends_with(&words));
        assert!(seen, "{words:?} is not in {found:?}");
    }
}

#[test]
fn a_crate_without_a_line_is_an_error() {
    let (mut metadata, _) = here();
    for package in &mut metadata.packages {
        package.targets.clear();
    }
    let workspace = Workspace::read(&metadata).expect("the workspace");
    let found = violations(&workspace, &Rules::default());
    for package in &metadata.packages {
        let unlisted = format!("{} has no line in allowed.txt", package.name);
        assert!(found.contains(&unlisted), "{unlisted}: {found:?}");
    }
}
