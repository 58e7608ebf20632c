//! Runs blocking calls of librdkafka outside of the async threads.

use tokio::task::JoinError;

use crate::error::KafkaError;

/// Runs `work` on a thread that may block.
pub(crate) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, KafkaError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(not_finished)
}

/// The error for a blocking call that panicked, or that the end of the runtime cut short.
pub(crate) fn not_finished(error: JoinError) -> KafkaError {
    KafkaError::Internal {
        context: "a blocking call of librdkafka did not finish",
        source: error.into(),
    }
}
