//! Dumps a store with `pg_dump` and restores it into a new database.

use std::{
    env, fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use cqrs_postgres::{PgConfig, PgEventStore};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::support::url;

/// A dump of a store's schema.
pub(super) struct Dump {
    schema: String,
    archive: Vec<u8>,
}

/// A store restored from a dump.
pub(super) struct Copy {
    pub(super) store: PgEventStore,
    database: String,
}

impl Dump {
    pub(super) async fn of(store: &PgEventStore) -> Self {
        let schema = store.schema().to_owned();
        let arguments = [
            "--format=custom".to_owned(),
            format!("--schema={schema}"),
            format!("--dbname={}", url()),
        ];
        let archive = run("pg_dump", arguments.to_vec(), Vec::new()).await;
        Self { schema, archive }
    }

    /// Restores into a new database on the same server. The role of `DATABASE_URL` must be allowed to create it.
    pub(super) async fn restore(&self) -> Copy {
        let database = format!("restored_{}", Uuid::now_v7().simple());
        on_server(format!("create database {database}")).await;
        let url = in_database(&url(), &database);
        let arguments = ["--exit-on-error".to_owned(), format!("--dbname={url}")];
        run("pg_restore", arguments.to_vec(), self.archive.clone()).await;
        let config = PgConfig::new(url).schema(&self.schema);
        let store = PgEventStore::connect(&config)
            .await
            .expect("a restored store is accepted");
        Copy { store, database }
    }
}

impl Copy {
    /// Drops the database. After a failed test it stays for inspection.
    pub(super) async fn remove(self) {
        self.store.close().await;
        on_server(format!("drop database {}", self.database)).await;
    }
}

/// The SQL that `pg_dump` writes with these options.
pub(super) async fn dump(mut options: Vec<String>) -> Vec<u8> {
    options.push(format!("--dbname={}", url()));
    run("pg_dump", options, Vec::new()).await
}

/// Runs SQL with `psql`, all or nothing.
pub(super) async fn import(sql: Vec<u8>) {
    let database = format!("--dbname={}", url());
    let options = [
        "--no-psqlrc",
        "--single-transaction",
        "--set=ON_ERROR_STOP=1",
        "--file=-",
    ];
    let mut arguments = vec![database];
    arguments.extend(options.map(str::to_owned));
    run("psql", arguments, sql).await;
}

/// A database cannot be created or dropped in a transaction, or from a connection to itself.
async fn on_server(sql: String) {
    let mut connection = PgConnection::connect(&url()).await.expect("connects");
    connection.execute(AssertSqlSafe(sql)).await.expect("runs");
    connection.close().await.expect("closes");
}

/// The URL with another database.
fn in_database(url: &str, database: &str) -> String {
    let (address, options) = url.split_once('?').unwrap_or((url, ""));
    let (server, _) = address.rsplit_once('/').expect("names a database");
    format!("{server}/{database}?{options}")
}

/// The output of the program for `input`.
async fn run(program: &'static str, arguments: Vec<String>, input: Vec<u8>) -> Vec<u8> {
    let file = find(program);
    let ended = spawn_blocking(move || {
        let mut child = Command::new(file)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        // A program that fails early does not read all input; its own output says why.
        let _ = child.stdin.take().expect("was asked for").write_all(&input);
        child.wait_with_output().expect("ends")
    });
    let ended = ended.await.expect("does not panic");
    let words = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{program}: {words}");
    ended.stdout
}

/// The path of the program: in `CQRS_PG_BIN`, else on the PATH, else the newest of the distribution. It must not be older than
/// the server.
fn find(program: &str) -> PathBuf {
    let given = env::var_os("CQRS_PG_BIN").map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders = given
        .into_iter()
        .chain(env::split_paths(&path))
        .chain(installed());
    folders
        .find_map(|folder| Some(folder.join(program)).filter(|file| file.is_file()))
        .unwrap_or_else(|| {
            panic!(
                "{program} was not found in CQRS_PG_BIN, on the PATH or under /usr/lib/postgresql: install \
                 PostgreSQL's client programs (on Debian the package postgresql-client) or set CQRS_PG_BIN to their folder"
            )
        })
}

fn installed() -> Vec<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            let folder = entry.ok()?.path();
            let version = folder.file_name()?.to_str()?.parse().ok()?;
            Some((version, folder.join("bin")))
        })
        .collect();
    versions.sort();
    versions.into_iter().rev().map(|(_, bin)| bin).collect()
}
