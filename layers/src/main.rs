//! Checks that no module and no crate imports from a layer above it, and that no siblings import from each other in a
//! cycle.
//!
//! `allowed.txt` lists the allowed imports. Imports in `#[cfg(test)]` do not count, nor do imports between a module and its
//! own submodules. An import of a re-exported name counts as an import from the module that defines it.

mod check;
mod graph;
mod imports;
mod metadata;
mod rules;
mod tree;

use std::{env, path::PathBuf, process::ExitCode};

use crate::{check::violations, metadata::Metadata, rules::Rules, tree::Workspace};

fn main() -> ExitCode {
    let root = root();
    let outcome = Rules::read(&root.join("layers/allowed.txt")).and_then(|rules| {
        let workspace = Workspace::read(&Metadata::read(&root)?)?;
        Ok(violations(&workspace, &rules))
    });
    match outcome {
        Ok(found) if found.is_empty() => {
            println!("no import leads up, and there is no cycle");
            ExitCode::SUCCESS
        }
        Ok(found) => {
            found.iter().for_each(|violation| println!("{violation}"));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace. Read at run time, since a shared target folder may hold the binary of another clone.
fn root() -> PathBuf {
    let own = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| "layers".into());
    PathBuf::from(own).join("..")
}

#[cfg(test)]
mod tests;
