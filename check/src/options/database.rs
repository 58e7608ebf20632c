//! The database of a check.

use std::path::PathBuf;

use cqrs_check::CheckError;

/// The database of a check, and its schema there.
#[derive(Debug, clap::Args)]
pub(crate) struct DatabaseOptions {
    /// The database that the variable DATABASE_URL names, as postgres://user:password@host:port/database. The checker creates a
    /// schema there and drops it at the end. There is no argument for the URL: every user of a machine sees arguments, and the
    /// password with them.
    #[arg(long, group = "on_postgres")]
    postgres: bool,
    /// The database whose URL is in this file.
    #[arg(long, group = "on_postgres")]
    database_url_file: Option<PathBuf>,
    /// The name of the schema; random by default. A schema that exists must hold a store without events, and is not
    /// dropped.
    #[arg(long, requires = "on_postgres")]
    pub(crate) schema: Option<String>,
    /// Keeps the schema.
    #[arg(long, requires = "on_postgres")]
    pub(crate) keep: bool,
}

impl DatabaseOptions {
    /// The URL of the database; `None` for a store in memory.
    pub(crate) fn url(&self) -> Result<Option<String>, CheckError> {
        if let Some(file) = &self.database_url_file {
            let url = std::fs::read_to_string(file);
            let url = url.map_err(|error| {
                CheckError::Options(format!("{} cannot be read: {error}", file.display()))
            })?;
            return Ok(Some(url.trim().to_owned()));
        }
        if !self.postgres {
            return Ok(None);
        }
        url_of_environment().map(Some)
    }
}

/// The URL in the variable DATABASE_URL.
pub(super) fn url_of_environment() -> Result<String, CheckError> {
    let url = std::env::var("DATABASE_URL");
    url.map_err(|_| CheckError::Options("--postgres needs the variable DATABASE_URL".to_owned()))
}
