//! Runs blocking calls of librdkafka outside of the async threads.

use crate::KafkaError;

/// Runs `work` on a thread that may block.
pub(crate) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, KafkaError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| KafkaError::Internal {
            context: "a blocking call of librdkafka did not finish",
            source: error.into(),
        })
}
