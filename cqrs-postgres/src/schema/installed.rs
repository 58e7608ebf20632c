//! Compares what is installed with what this version installs.

use std::fmt::Write;

use cqrs_core::{StoreError, StoreErrorKind};
use sqlx::migrate::Migration;

/// A migration that was installed, as the ledger has it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct InstalledMigration {
    version: i64,
    description: String,
    checksum: Vec<u8>,
}

/// What a schema holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InstalledState {
    Nothing,
    /// Migrations of ours up to this one.
    UpTo(i64),
    /// All of ours.
    All,
}

/// # Errors
/// When another build has made the schema, or a newer version has upgraded it.
pub(super) fn compare(
    schema: &str,
    installed: &[InstalledMigration],
    ours: &[Migration],
) -> Result<InstalledState, StoreError> {
    let same = |(installed, ours): (&InstalledMigration, &Migration)| {
        installed.version == ours.version && *installed.checksum == *ours.checksum
    };
    if !installed.iter().zip(ours).all(same) {
        return Err(made_by_another_build(schema, installed, ours));
    }
    match (installed.last(), ours.len()) {
        (None, _) => Ok(InstalledState::Nothing),
        (Some(last), known) if installed.len() > known => Err(too_new(schema, last, known)),
        (Some(_), known) if installed.len() == known => Ok(InstalledState::All),
        (Some(last), _) => Ok(InstalledState::UpTo(last.version)),
    }
}

fn too_new(schema: &str, last: &InstalledMigration, known: usize) -> StoreError {
    let message = format!(
        "schema {schema:?} is at migration {}, this version knows {known} at most: a newer version has upgraded it; use \
         that one",
        last.version
    );
    StoreError::new(StoreErrorKind::Schema, message)
}

fn made_by_another_build(
    schema: &str,
    installed: &[InstalledMigration],
    ours: &[Migration],
) -> StoreError {
    let found = installed
        .iter()
        .map(|found| (found.version, &*found.description, &*found.checksum));
    let wanted = ours
        .iter()
        .map(|ours| (ours.version, &*ours.description, &*ours.checksum));
    let message = format!(
        "schema {schema:?} holds {}, this version installs {}: another build made the schema, or it was renamed. Nothing was \
         changed. Use that build and that name; or export the data with `pg_dump --data-only` and import it into a new \
         schema, as docs/how-to/run-with-least-privilege.md shows under \"Move a store to another baseline\"",
        list(found),
        list(wanted)
    );
    StoreError::new(StoreErrorKind::Schema, message)
}

/// Each migration with its number, its name and the beginning of its checksum.
fn list<'a>(migrations: impl Iterator<Item = (i64, &'a str, &'a [u8])>) -> String {
    let mut list = String::from("migration");
    for (version, name, checksum) in migrations {
        let begins = checksum.iter().take(4);
        let begins: String = begins.map(|byte| format!("{byte:02x}")).collect();
        let comma = if list.contains('(') { "," } else { "" };
        // Writing to a string cannot fail.
        let _ = write!(list, "{comma} {version} {name:?} ({begins})");
    }
    list
}
