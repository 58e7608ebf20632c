//! A gate on the server: whoever writes to an account whose name begins with `slow` is held at an exact place.

use cqrs_postgres::PgEventStore;
use sqlx::{Connection, PgConnection};

use crate::support::{run, url};

/// Where they are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// When the events are in the table, and the statement is not over.
    Insert,
    /// In the middle of the commit.
    Commit,
}

/// A closed gate.
#[derive(Debug)]
pub(crate) struct Gate {
    keeper: PgConnection,
    schema: String,
}

/// The space of the gates' locks. Those of stores are in the other kind of space.
const SPACE: i32 = 4_711;

impl Gate {
    /// Builds a gate and closes it.
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

    /// The server's processes in front of it.
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

    /// Ends these processes, as an administrator does.
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

    /// Lets everybody pass, from now on.
    pub(crate) async fn open(self) {
        self.keeper.close().await.expect("closes");
    }
}
