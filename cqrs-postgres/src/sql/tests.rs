//! Every file of the folder `sql` is installed or sent: no file is missing or dead.

use std::{collections::BTreeMap, fs, path::Path};

use super::{FRAGMENTS, complete, insert, on_one_line};
use crate::{connect::pools::SEARCH_PATH, schema::baseline::OBJECTS};

/// Every file below `sql`: its path there and its text.
fn folder() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql");
    let (mut files, mut folders) = (BTreeMap::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("is a folder") {
            let path = entry.expect("is there").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).expect("is text");
            let below = path.strip_prefix(&root).expect("is below");
            files.insert(below.display().to_string(), text);
        }
    }
    files
}

fn uses(text: &str, name: &str) -> bool {
    text.contains(&format!("__schema__.{name}("))
}

#[test]
fn every_sql_file_is_installed_shared_or_sent_exactly_once() {
    let statements = include_str!("statements.rs");
    for (path, text) in folder() {
        let name = path.rsplit('/').next().and_then(|f| f.strip_suffix(".sql"));
        let name = name.expect("ends in .sql");
        let installed = OBJECTS.iter().filter(|file| file.path == path).count();
        let shared = FRAGMENTS.iter().filter(|file| file.path == path).count();
        let is_query = path.starts_with("queries/");
        let sent = usize::from(is_query && statements.contains(&format!("\"{name}\"")));
        assert_eq!(installed + shared + sent, 1, "{path}");
        assert!(text.starts_with("-- "), "{path} says what it guarantees");
    }
}

#[test]
fn an_object_is_named_as_its_file() {
    for file in OBJECTS
        .iter()
        .filter(|file| !file.path.starts_with("rights/"))
    {
        let name = file.name();
        let (folder, _) = file.path.split_once('/').expect("is in a folder");
        let kind = folder.strip_suffix("es").filter(|kind| *kind == "index");
        let kind = kind.or(folder.strip_suffix('s')).expect("is plural");
        let created = [
            format!("{kind} __schema__.{name}"),
            format!("{kind} {name} "),
        ];
        let is_created = |created: &String| file.text.contains(&format!("\ncreate {created}"));
        assert!(created.iter().any(is_created), "{}", file.path);
        assert_eq!(file.text.matches("\ncreate ").count(), 1, "{}", file.path);
    }
}

#[test]
fn no_function_is_dead() {
    let folder = folder();
    for file in OBJECTS
        .iter()
        .filter(|file| file.path.starts_with("functions/"))
    {
        let other = |(path, text): (&String, &String)| path != file.path && uses(text, file.name());
        assert!(folder.iter().any(other), "nothing calls {}", file.path);
    }
}

#[test]
fn no_fragment_is_dead_and_no_marker_is_left() {
    let folder = folder();
    for fragment in FRAGMENTS {
        let marker = format!("__{}__", fragment.name());
        let used = folder
            .values()
            .filter(|text| text.contains(&marker))
            .count();
        assert!(used > 1, "{marker} is not shared");
    }
    for (path, text) in folder {
        let completed = complete(&text, "bank").replace("__view__", "");
        let completed = completed.replace("__idle_milliseconds__", "");
        assert!(!completed.contains("__"), "{path}: {completed}");
    }
}

/// Otherwise they would set it for each append: right, but slow.
#[test]
fn the_short_functions_find_the_search_path_they_look_for() {
    let prologue = FRAGMENTS.iter().find(|file| file.name() == "prologue");
    let prologue = prologue.expect("is there").text;
    let looked_for = format!("operator(pg_catalog.<>) '{SEARCH_PATH}' then");
    let set = format!("pg_catalog.set_config('search_path', '{SEARCH_PATH}', true)");
    assert!(prologue.contains(&looked_for) && prologue.contains(&set));
}

#[test]
fn a_fragment_is_indented_like_its_marker() {
    let fragment = "-- What it does.\na,\n    b";
    assert_eq!(
        insert("(\n  __x__,\n  c)", "__x__", fragment),
        "(\n  a,\n      b,\n  c)\n"
    );
    assert_eq!(
        insert("select __x__", "__x__", fragment),
        "select a,\n    b\n"
    );
}

#[test]
fn a_statement_is_sent_on_one_line_and_without_comments() {
    assert_eq!(
        on_one_line("-- Why.\nselect a,\n  b\n\n  -- More.\nfrom c\n"),
        "select a, b from c"
    );
}

/// Rights are given and taken for the functions that it names.
#[test]
fn own_functions_names_every_function_of_the_store() {
    let list = OBJECTS.iter().find(|file| file.name() == "own_functions");
    let list = list.expect("is there").text;
    let functions = OBJECTS
        .iter()
        .filter(|file| file.path.starts_with("functions/"));
    let mut count = 0;
    for file in functions {
        let named = format!("'{}'", file.name());
        assert!(list.contains(&named), "{} is missing", file.path);
        count += 1;
    }
    assert_eq!(
        list.matches("', '").count() + list.matches("',\n").count() + 1,
        count
    );
}
