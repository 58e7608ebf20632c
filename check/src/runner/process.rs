//! What each process does, until its standard input ends.

use std::{io::Read, time::Duration};

use cqrs_core::{RetryPolicy, Runner, role};
use tokio::sync::oneshot;

use super::{
    journal::{Journal, RunnerBug},
    store::connect,
};
use crate::error::CheckError;

/// Small, so that many batches commit.
const BATCH_SIZE: usize = 20;
const PARTITIONS: u16 = 4;

/// Runs the journal over the store in this schema, until the standard input ends: the checker closes it, or is gone itself.
///
/// # Errors
/// When the runner stops by itself, which no fault of a check is a reason for.
pub async fn run_process(
    url: &str,
    schema: &str,
    planted: Option<RunnerBug>,
) -> Result<(), CheckError> {
    let store = connect(url, schema).await?;
    let retry = RetryPolicy::default()
        .attempts(3)
        .longest(Duration::from_millis(200));
    let runner = Runner::over_log::<role::Projection>(&store, Journal::new(&store, planted))?
        .partitions(PARTITIONS)
        .batch_size(BATCH_SIZE)
        .retry(retry);
    let stopped = runner.run(input_ended()).await;
    store.close().await;
    Ok(stopped?)
}

/// Reads on a thread of its own: a runtime waits at its end for its own threads, and the input may not have ended then.
async fn input_ended() {
    let (ended, end) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::stdin().lock().read_to_end(&mut Vec::new());
        let _ = ended.send(());
    });
    let _ = end.await;
}
