//! The server ends the session of a client that was stopped.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use cqrs_core::{
    EventId, Position,
    model::{Checkpoint, PartitionId, Slices},
    ports::{Checkpoints, Documents, UnitOfWork},
};
use cqrs_postgres::PgEventStore;

use crate::support::{fresh_config, number, run, until};

const VIEW: &str = "accounts";

/// Far more than the buffers of two sockets hold.
const LARGE: &str = "insert into __schema__.view_accounts (key, version, body)
                     select 'k' || n, 1, to_jsonb(repeat('x', 1000000)) from generate_series(1, 50) n";

#[tokio::test]
async fn a_client_that_stops_reading_does_not_keep_a_checkpoint() {
    let config = fresh_config().idle_in_transaction_timeout(Duration::from_secs(2));
    PgEventStore::install(&config).await.expect("installs");
    let stopped = PgEventStore::connect(&config).await.expect("connects");
    stopped.prepare_view(VIEW).await.expect("prepares");
    run(&stopped, LARGE).await;
    let partition = PartitionId::Log(Slices::ALL);
    let claim = stopped.claim("s", &partition).await.expect("claims");
    let mut transaction = stopped.begin().await.expect("begins");
    let to = Checkpoint::after(Position::new(1), EventId::random());
    stopped
        .advance_in(&mut transaction, "s", &partition, claim.epoch, claim.at, to)
        .await
        .expect("advances");
    let pid: i32 = sqlx::query_scalar("select pg_backend_pid()")
        .fetch_one(&mut *transaction)
        .await
        .expect("reads");
    // The next load is sent in one message, because this one has prepared it.
    let none = stopped.load_in(&mut transaction, VIEW, &[]).await;
    assert!(none.expect("loads").is_empty());
    let keys: Vec<String> = (1..=50).map(|n| format!("k{n}")).collect();
    let mut load = pin!(stopped.load_in(&mut transaction, VIEW, &keys));
    // Polled only once: the client does not read the answer.
    let first = poll_fn(|context| Poll::Ready(load.as_mut().poll(context))).await;
    assert!(first.is_pending());

    let successor = PgEventStore::connect(&config).await.expect("connects");
    let blocked = format!(
        "select count(*) from pg_stat_activity where pid = {pid} and wait_event = 'ClientWrite'"
    );
    until("the server cannot send more", async || {
        number(&successor, &blocked).await == 1
    })
    .await;
    until("the successor claims", async || {
        successor.claim("s", &partition).await.is_ok()
    })
    .await;
    let claim = successor.claim("s", &partition).await.expect("claims");
    assert_eq!(claim.at, None, "nothing of the stopped client is committed");
    let mut transaction = successor.begin().await.expect("begins");
    successor
        .advance_in(&mut transaction, "s", &partition, claim.epoch, claim.at, to)
        .await
        .expect("advances");
    successor.commit(transaction).await.expect("commits");
}
