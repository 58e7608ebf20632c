//! The bound on every call to the server.
//!
//! **Invariant**: every wait for an answer has a limit. The server limits statements. Only the client limits a commit, and any
//! call on a silent network: it stops waiting and gives up the connection. It never cancels, because a commit that is
//! cancelled while it waits for a standby becomes visible without being safe.

use std::time::Duration;

use sqlx::Error;

/// Runs a request to the server, and gives up after `limit`.
pub(crate) async fn within<T>(
    limit: Duration,
    request: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(limit, request).await {
        Ok(outcome) => outcome,
        Err(_) => {
            let said = format!("no answer within {limit:?}");
            Err(std::io::Error::new(std::io::ErrorKind::TimedOut, said).into())
        }
    }
}
