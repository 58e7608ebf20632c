//! An append on its way.

use cqrs_core::{AppendError as WriteError, Appended, Appends};
use tokio::sync::oneshot;

/// Appends on their way, and who waits for their verdict.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) appends: Appends,
    pub(super) answer: oneshot::Sender<Result<Vec<Appended>, WriteError>>,
}
