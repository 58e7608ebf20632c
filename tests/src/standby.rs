//! A PostgreSQL server with a standby that lacks the last commits and is promoted.

use std::{path::PathBuf, process::Command};

use cqrs_postgres::{PgConfig, PgEventStore};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::servers::{eventually, fresh_name, project};

/// A primary and its standby. On drop both are stopped and their data is removed.
#[derive(Debug)]
pub struct Servers {
    state: PathBuf,
    /// The URL of the primary.
    primary: String,
    /// Its pid.
    pid: String,
    standby_port: String,
}

impl Servers {
    /// Starts both.
    ///
    /// # Panics
    /// When they do not start; the script's output says why.
    #[must_use]
    pub fn start() -> Self {
        let state = std::env::temp_dir().join(format!("cqrs-standby-{}", fresh_name()));
        let mut servers = Self {
            state,
            primary: String::new(),
            pid: String::new(),
            standby_port: String::new(),
        };
        let up = servers.services(&["up", "--postgres-only"]);
        servers.primary = value(&up, "DATABASE_URL");
        servers.pid = value(&up, "CQRS_PG_PID");
        let standby = servers.services(&["standby"]);
        servers.standby_port = value(&standby, "CQRS_STANDBY_PORT");
        servers
    }

    /// A store on whichever of the two is the primary.
    ///
    /// # Panics
    /// When neither is one.
    pub async fn store(&self, schema: &str) -> PgEventStore {
        let port = self.primary.rsplit(':').next().unwrap_or_default();
        let port = port.split('/').next().unwrap_or_default();
        let both = format!(
            "{}?host=127.0.0.1,127.0.0.1&port={port},{}",
            self.primary, self.standby_port
        );
        let config = PgConfig::new(both).schema(schema).max_connections(8);
        PgEventStore::install(&config).await.expect("installs");
        PgEventStore::connect(&config).await.expect("connects")
    }

    /// Waits until the standby has all commits, and gives it no later ones.
    ///
    /// # Panics
    /// When a server does not respond.
    pub async fn cut(&self) {
        let end = ask(&self.primary, "select pg_current_wal_flush_lsn()::text").await;
        let has_it = format!("select (pg_last_wal_replay_lsn() >= '{end}')::text");
        let standby = self.standby();
        eventually("the standby has all commits", || async {
            ask(&standby, &has_it).await == "true"
        })
        .await;
        ask(&standby, "alter system set primary_conninfo = ''").await;
        ask(&standby, "select pg_reload_conf()::text").await;
        eventually("the standby gets no commits", || async {
            ask(&standby, "select count(*)::text from pg_stat_wal_receiver").await == "0"
        })
        .await;
    }

    /// The primary is gone, and the standby takes its place.
    ///
    /// # Panics
    /// When the standby is not promoted.
    pub async fn fail_over(&self) {
        let stopped = Command::new("kill").args(["-QUIT", &self.pid]).status();
        assert!(stopped.expect("runs kill").success());
        let promoted = ask(&self.standby(), "select pg_promote()::text").await;
        assert_eq!(promoted, "true");
    }

    /// The code of the error that a statement has on the standby; empty if it succeeds.
    ///
    /// # Panics
    /// When the standby does not respond.
    pub async fn rejection_on_standby(&self, sql: &str) -> String {
        let mut connection = PgConnection::connect(&self.standby())
            .await
            .expect("connects");
        let asked = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut connection);
        let error = asked.await.err();
        let code = error
            .as_ref()
            .and_then(|error| error.as_database_error()?.code());
        code.unwrap_or_default().into_owned()
    }

    fn standby(&self) -> String {
        let (server, _) = self.primary.rsplit_once(':').expect("a port");
        format!("{server}:{}/cqrs", self.standby_port)
    }

    fn services(&self, arguments: &[&str]) -> String {
        let output = Command::new(project().join("scripts/services"))
            .args(arguments)
            .env("CQRS_SERVICES_DIR", &self.state)
            // With these variables the script would use the given servers and start none.
            .env_remove("DATABASE_URL")
            .env_remove("CQRS_SERVICES")
            .output()
            .expect("runs the script");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        // Errors here are ignored: a failed test has already reported more.
        let _ = Command::new(project().join("scripts/services"))
            .args(["down", "--postgres-only"])
            .env("CQRS_SERVICES_DIR", &self.state)
            .output();
    }
}

fn value(said: &str, name: &str) -> String {
    let prefix = format!("export {name}='");
    let line = said.lines().find_map(|line| line.strip_prefix(&prefix));
    line.unwrap_or_else(|| panic!("{name} is missing in {said}"))
        .trim_end_matches('\'')
        .to_owned()
}

/// The text that a statement returns; empty if it returns nothing.
async fn ask(url: &str, sql: &str) -> String {
    let mut connection = PgConnection::connect(url).await.expect("connects");
    let asked = sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
        .fetch_optional(&mut connection)
        .await;
    asked.expect("responds").unwrap_or_default()
}
