//! Installs and upgrades the schema, and checks that it is the one that this version needs.

use cqrs_core::{StoreError, StoreErrorKind};
use sqlx::{
    Connection, PgConnection,
    migrate::{MigrateError, Migration, Migrator},
};

use self::{
    installed::{InstalledMigration, InstalledState},
    migrations::Step,
};
use crate::{
    error::statement,
    sql::{SqlFile, statements::SchemaStatements},
};

#[path = "../migrations/0001_baseline.rs"]
pub(crate) mod baseline;
mod installed;
mod migrations;

/// What a role may do in a store. None may change an event, or add one except through the append functions.
///
/// ```no_run
/// use cqrs_postgres::{Access, PgConfig, PgEventStore};
///
/// # async fn set_up() -> Result<(), cqrs_core::StoreError> {
/// let owner = PgConfig::new("postgres://owner@localhost/bank").schema("bank");
/// PgEventStore::install(&owner).await?;
/// PgEventStore::grant(&owner, "bank_service", Access::Service).await?;
/// PgEventStore::grant(&owner, "bank_reports", Access::Reader).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read the log, documents, checkpoints, idempotency keys and snapshots.
    Reader,
    /// Run a service: append, and run views, reactors and relays.
    Service,
}

/// The oldest server that the statements support, as a `server_version_num`.
const OLDEST_SERVER: i32 = 150_000;

/// The schema of a store, as this version needs it.
pub(crate) struct Schema<'a> {
    name: &'a str,
    migrations: Vec<Migration>,
    statements: SchemaStatements,
}

impl<'a> Schema<'a> {
    pub(crate) fn new(name: &'a str) -> Self {
        Self::made_by(name, &migrations::all())
    }

    fn made_by(name: &'a str, steps: &[Step]) -> Self {
        Self {
            name,
            migrations: steps.iter().map(|step| step.migration(name)).collect(),
            statements: SchemaStatements::new(name),
        }
    }

    /// Creates the schema that this version needs, or upgrades it from any earlier release. Concurrent runs are safe. The
    /// ledger is a table of the schema itself, never sqlx's default one.
    pub(crate) async fn install(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        self.prepare(connection).await?;
        // Before anything is created: the schema of another build, or of somebody else, stays exactly as it is. The objects are
        // read first: those of an install that commits meanwhile are then in the ledger.
        let present = self.present_objects(connection).await?;
        if self.installed_state(connection).await? == InstalledState::Nothing {
            self.check_absent(&present)?;
        }
        let mut migrator = Migrator::with_migrations(self.migrations.clone());
        migrator.create_schema(format!("\"{}\"", self.name));
        migrator.dangerous_set_table_name(format!("\"{}\".migrations", self.name));
        // Not `run`: its future cannot be sent to another thread ("implementation of `Acquire` is not general enough").
        let installed = migrator.run_direct(None, &mut *connection, false).await;
        installed.map_err(|error| self.not_installed(error))?;
        self.check_present(connection).await
    }

    /// Gives a role what it needs.
    pub(crate) async fn grant(
        &self,
        connection: &mut PgConnection,
        role: &str,
        access: Access,
    ) -> Result<(), StoreError> {
        check_role(role)?;
        self.prepare(connection).await?;
        self.check_version(connection).await?;
        let query = sqlx::query(self.statements.grant_access.sql())
            .bind(role)
            .bind(access == Access::Service);
        let granted = query.execute(connection).await;
        granted.map(drop).map_err(|error| not_granted(role, error))
    }

    /// Checks that the schema is the one that this version needs, and that its sequence is sound.
    pub(crate) async fn check(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        self.prepare(connection).await?;
        self.check_version(connection).await?;
        self.check_present(connection).await?;
        self.check_sequence(connection).await
    }

    /// Prepares a session for the statements of this module and of the migrations.
    ///
    /// **Invariant**: none of them finds a function, an operator or a type that somebody else has put into the search path of
    /// the database or of the role.
    async fn prepare(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        self.check_name()?;
        let fixed = sqlx::query(self.statements.fix_search_path.sql());
        fixed.execute(&mut *connection).await.map_err(statement)?;
        let server = sqlx::query_as(self.statements.server.sql());
        let (version, encoding): (i32, String) =
            server.fetch_one(connection).await.map_err(statement)?;
        let message = if version < OLDEST_SERVER {
            format!(
                "PostgreSQL {} is too old; version 15 is the oldest that works",
                version / 10_000
            )
        } else if encoding != "UTF8" {
            format!(
                "the database has the encoding {encoding}, which cannot store every text; create one with \
                 `create database .. encoding 'UTF8' template template0`"
            )
        } else {
            return Ok(());
        };
        Err(StoreError::new(StoreErrorKind::Misconfigured, message))
    }

    /// **Invariant**: a store is never in a schema that everybody uses, where its functions could be shadowed and others' objects
    /// would lie among its own.
    fn check_name(&self) -> Result<(), StoreError> {
        let name = self.name;
        if name != "public" && name != "information_schema" && !name.starts_with("pg_") {
            return Ok(());
        }
        let message = format!(
            "schema {name:?} is shared or reserved, so it cannot hold a store; choose a schema of its own with \
             PgConfig::schema"
        );
        Err(StoreError::new(StoreErrorKind::InvalidInput, message))
    }

    /// What is installed, unless another build or a newer version has installed it.
    async fn installed_state(
        &self,
        connection: &mut PgConnection,
    ) -> Result<InstalledState, StoreError> {
        let has_ledger = sqlx::query_scalar(self.statements.has_ledger.sql());
        let has_ledger = has_ledger.fetch_one(&mut *connection).await;
        if !has_ledger.map_err(statement)? {
            return Ok(InstalledState::Nothing);
        }
        let installed = sqlx::query_as(self.statements.installed_migrations.sql());
        let installed: Vec<InstalledMigration> =
            installed.fetch_all(connection).await.map_err(statement)?;
        installed::compare(self.name, &installed, &self.migrations)
    }

    async fn check_version(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let schema = self.name;
        let message = match self.installed_state(connection).await? {
            InstalledState::All => return Ok(()),
            InstalledState::Nothing => {
                format!("schema {schema:?} holds no event store; run PgEventStore::install")
            }
            InstalledState::UpTo(version) => format!(
                "schema {schema:?} is at migration {version}, this version needs {}; run PgEventStore::install",
                self.migrations.len()
            ),
        };
        Err(StoreError::new(StoreErrorKind::Schema, message))
    }

    /// **Invariant**: a store is not created among objects that bear its names.
    fn check_absent(&self, present: &[String]) -> Result<(), StoreError> {
        if present.is_empty() {
            return Ok(());
        }
        let message = format!(
            "schema {:?} already has {}, but no ledger `migrations`: they belong to somebody else, or the store was restored in part. \
             Nothing was changed. Choose another schema with PgConfig::schema, or restore all of it",
            self.name,
            names(present)
        );
        Err(StoreError::new(StoreErrorKind::Schema, message))
    }

    /// **Invariant**: a store that works has every object that its ledger stands for.
    async fn check_present(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let present = self.present_objects(connection).await?;
        let mut missing = object_names();
        missing.retain(|name| !present.iter().any(|present| present == name));
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!(
            "schema {:?} lacks {}, which its ledger says was installed: it was restored in part, or somebody has dropped that. \
             Restore the whole schema from a dump; install cannot repair it",
            self.name,
            names(&missing)
        );
        Err(StoreError::new(StoreErrorKind::Schema, message))
    }

    async fn present_objects(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Vec<String>, StoreError> {
        let present = sqlx::query_scalar(self.statements.present_objects.sql());
        let present = present.bind(object_names()).fetch_all(connection).await;
        present.map_err(statement)
    }

    /// **Invariant**: positions are drawn one at a time, in rising order, and no event lies beyond the last one drawn.
    async fn check_sequence(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let sound = sqlx::query_scalar(self.statements.is_sequence_sound.sql());
        if sound.fetch_one(connection).await.map_err(statement)? {
            return Ok(());
        }
        let message = format!(
            "sequence \"{}\".position was altered or has fallen behind the events (was the database restored in \
             parts?); appending would reuse positions. Set it to the highest position with setval, with CACHE 1 and \
             INCREMENT 1",
            self.name
        );
        Err(StoreError::new(StoreErrorKind::Misconfigured, message))
    }

    fn not_installed(&self, error: MigrateError) -> StoreError {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                statement(error)
            }
            error => {
                let message = format!("schema {:?} cannot be installed", self.name);
                StoreError::new(StoreErrorKind::Schema, message).caused_by(error)
            }
        }
    }
}

/// The names of the objects that a store has.
fn object_names() -> Vec<&'static str> {
    let objects = baseline::OBJECTS.iter();
    let objects = objects.filter(|object| !object.path.starts_with("rights/"));
    objects.map(SqlFile::name).collect()
}

fn names(objects: &[impl AsRef<str>]) -> String {
    let names: Vec<_> = objects
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    names.join(", ")
}

/// Only the grant looks for a role by its name.
fn not_granted(role: &str, error: sqlx::Error) -> StoreError {
    let code = error.as_database_error().and_then(|error| error.code());
    if code.as_deref() != Some("42704") {
        return statement(error);
    }
    let message =
        format!("there is no role {role:?}; create it with `create role`, then grant again");
    StoreError::new(StoreErrorKind::InvalidInput, message).caused_by(error)
}

/// The grammar of PostgreSQL takes this name for every role, even in quotes.
fn check_role(role: &str) -> Result<(), StoreError> {
    let name = role.trim_matches([' ', '"']);
    if name.is_empty() {
        let message = "the name of the role is empty; name the role of the service or reader";
        return Err(StoreError::new(StoreErrorKind::InvalidInput, message));
    }
    if !name.eq_ignore_ascii_case("public") {
        return Ok(());
    }
    let message = format!(
        "{role:?} is every role of the server, and gets no access to a store; grant to a role without login, and make \
         the login roles its members"
    );
    Err(StoreError::new(StoreErrorKind::InvalidInput, message))
}

/// Closes a connection. What was done stays done, even if the server does not get the message.
///
/// Not a wrapper around an `AsyncFnOnce(&mut PgConnection)`: its future could not be sent to another thread.
pub(crate) async fn close(connection: PgConnection) {
    let _ = connection.close().await;
}

#[cfg(test)]
mod tests;
