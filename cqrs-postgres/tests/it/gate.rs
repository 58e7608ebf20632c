//! A gate on the server: it stops writers to accounts with names that start with `slow` at an exact place.

use cqrs_postgres::PgEventStore;
use sqlx::{Connection, PgConnection};

use crate::support::{run, url};

/// The place where writers are stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// After the events are inserted, before the statement ends.
    Insert,
    /// During the commit.
    Commit,
}

/// A closed gate.
#[derive(Debug)]
pub(crate) struct Gate {
    keeper: PgConnection,
    schema: String,
}

/// The key space of the gates' advisory locks; stores use the other kind of keys.
const SPACE: i32 = 4_711;

impl Gate {
    /// Creates a closed gate.
    pub(crate) async fn close(store: &PgEventStore, place: Place) -> Self {
        let schema = store.schema().to_owned();
        let deferred = match place {
            Place::Insert => "",
            Place::Commit => "deferrable initially deferred",
        };
        let build = format!(
            "create function __schema__.pass() returns trigger language plpgsql as $$
             begin perform pg_advisory_xact_lock_shared({SPACE}, hashtext('{schema}')); return null; end $$;
             create constraint trigger gate after insert on __schema__.events {deferred}
             for each row when (new.aggregate_id like 'slow%') execute function __schema__.pass()"
        );
        run(store, &build).await;
        let mut keeper = PgConnection::connect(&url()).await.expect("connects");
        sqlx::query("select pg_advisory_lock($1, hashtext($2))")
            .bind(SPACE)
            .bind(&schema)
            .execute(&mut keeper)
            .await
            .expect("closes");
        Self { keeper, schema }
    }

    /// The server's processes that wait at the gate.
    pub(crate) async fn waiting(&mut self) -> Vec<i32> {
        sqlx::query_scalar(
            "select pid from pg_locks where locktype = 'advisory' and not granted and objsubid = 2
             and classid = $1::oid and objid::bigint = hashtext($2)::bigint & 4294967295",
        )
        .bind(i64::from(SPACE))
        .bind(&self.schema)
        .fetch_all(&mut self.keeper)
        .await
        .expect("reads")
    }

    /// Terminates these processes, as an administrator would.
    pub(crate) async fn kill(&mut self, processes: &[i32]) {
        for process in processes {
            let killed: bool = sqlx::query_scalar("select pg_terminate_backend($1, 10000)")
                .bind(process)
                .fetch_one(&mut self.keeper)
                .await
                .expect("kills");
            assert!(killed, "process {process} does not end");
        }
    }

    /// Opens the gate for good.
    pub(crate) async fn open(self) {
        self.keeper.close().await.expect("closes");
    }
}
