//! The source files of the crates, by module.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use crate::{
    imports::{Module, Source},
    metadata::{Metadata, Package},
};

/// All crates of the workspace.
#[derive(Debug, Clone, Default)]
pub(crate) struct Workspace {
    /// The crates by name.
    pub(crate) crates: BTreeMap<String, Crate>,
}

/// A crate.
#[derive(Debug, Clone, Default)]
pub(crate) struct Crate {
    /// Its manifest.
    pub(crate) manifest: String,
    /// The crates of the workspace that its product code can import.
    pub(crate) dependencies: Vec<String>,
    /// Those that only its tests can import. The compiler keeps them out of product code.
    pub(crate) dev_dependencies: Vec<String>,
    /// The files of each tree of modules. The tree in `src` has the name of the crate, others that of their folder.
    pub(crate) trees: BTreeMap<String, Vec<Source>>,
}

impl Workspace {
    /// Reads the source files.
    pub(crate) fn read(metadata: &Metadata) -> Result<Self, String> {
        let members = metadata.packages.iter().map(|package| &package.name);
        let members: BTreeSet<_> = members.collect();
        let mut crates = BTreeMap::new();
        for package in &metadata.packages {
            let dependencies = |of_tests| {
                let found = package.dependencies.iter().filter(|dependency| {
                    let is_dev = dependency.kind.as_deref() == Some("dev");
                    is_dev == of_tests && members.contains(&dependency.name)
                });
                found.map(|dependency| dependency.name.clone()).collect()
            };
            let read = Crate {
                manifest: display(&metadata.workspace_root, &package.manifest_path),
                dependencies: dependencies(false),
                dev_dependencies: dependencies(true),
                trees: trees(&metadata.workspace_root, package)?,
            };
            crates.insert(package.name.clone(), read);
        }
        Ok(Self { crates })
    }
}

/// A tree for each folder with a `lib.rs` or `main.rs`. Other targets are single files without modules.
fn trees(root: &Path, package: &Package) -> Result<BTreeMap<String, Vec<Source>>, String> {
    let (roots, singles): (Vec<_>, Vec<_>) = package
        .targets
        .iter()
        .map(|target| &target.src_path)
        .partition(|path| path.ends_with("lib.rs") || path.ends_with("main.rs"));
    let mut trees = BTreeMap::new();
    for folder in roots.iter().filter_map(|path| path.parent()) {
        let mut sources = Vec::new();
        for file in files(folder)? {
            if !singles.contains(&&file) {
                sources.push(Source {
                    module: module(folder, &file),
                    name: display(root, &file),
                    text: text(&file)?,
                });
            }
        }
        let name = if folder.ends_with("src") {
            package.name.clone()
        } else {
            display(root, folder)
        };
        trees.insert(name, sources);
    }
    Ok(trees)
}

fn display(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).unwrap_or(path);
    path.display().to_string()
}

fn text(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The Rust files below `folder`, sorted.
fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let at = |error| format!("{}: {error}", folder.display());
        for entry in fs::read_dir(&folder).map_err(at)? {
            let path = entry.map_err(at)?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The module that a file holds: `src/read/runner.rs` is `read::runner`, `src/lib.rs` the crate itself.
fn module(source: &Path, file: &Path) -> Module {
    let path = file.strip_prefix(source).unwrap_or(file).with_extension("");
    let names = path
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned());
    let mut module: Module = names.collect();
    if module == ["lib"] || module == ["main"] {
        module.clear();
    }
    module
}
