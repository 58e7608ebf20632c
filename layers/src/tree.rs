//! The source files of the crates, by module.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    imports::{Module, Source},
    manifest::dependencies,
};

/// All crates to check.
#[derive(Debug, Clone, Default)]
pub(crate) struct Workspace {
    /// The crates by name.
    pub(crate) crates: BTreeMap<String, Crate>,
}

/// A crate.
#[derive(Debug, Clone, Default)]
pub(crate) struct Crate {
    /// The crates of the workspace that it depends on, in tests too.
    pub(crate) dependencies: Vec<String>,
    /// Its files.
    pub(crate) sources: Vec<Source>,
}

impl Workspace {
    /// Reads these crates in the workspace at `root`.
    pub(crate) fn read(root: &Path, crates: &[String]) -> Result<Self, String> {
        let read = |name: &String| Ok((name.clone(), Crate::read(root, name)?));
        let crates = crates.iter().map(read).collect::<Result<_, String>>()?;
        Ok(Self { crates })
    }
}

impl Crate {
    fn read(root: &Path, name: &str) -> Result<Self, String> {
        let folder = root.join(name);
        let source = folder.join("src");
        let mut sources = Vec::new();
        for file in files(&source)? {
            sources.push(Source {
                module: module(&source, &file),
                name: file
                    .strip_prefix(root)
                    .unwrap_or(&file)
                    .display()
                    .to_string(),
                text: text(&file)?,
            });
        }
        Ok(Self {
            dependencies: dependencies(&text(&folder.join("Cargo.toml"))?),
            sources,
        })
    }
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
