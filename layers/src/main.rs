//! Checks that no module and no crate imports from a layer above it, and that no siblings import from each other in a circle.
//!
//! `allowed.txt` says what may import from what. Tests do not count, nor does what a module and its own submodules take from
//! each other; a name that a module only re-exports counts as an import from the module that defines it.

mod check;
mod graph;
mod imports;
mod manifest;
mod rules;
mod tree;

use std::{env, path::PathBuf, process::ExitCode};

use crate::{check::violations, rules::Rules, tree::Workspace};

fn main() -> ExitCode {
    let root = root();
    let outcome = Rules::read(&root.join("layers/allowed.txt")).and_then(|rules| {
        let workspace = Workspace::read(&root, &rules.crates())?;
        Ok(violations(&workspace, &rules))
    });
    match outcome {
        Ok(found) if found.is_empty() => {
            println!("no arrow points up, and there is no circle");
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

/// The folder of the workspace. Asked when it runs: a binary built for another clone may be taken for this one's.
fn root() -> PathBuf {
    let own = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| "layers".into());
    PathBuf::from(own).join("..")
}

#[cfg(test)]
mod tests;
