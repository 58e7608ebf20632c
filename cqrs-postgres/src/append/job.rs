//! Appends in flight, and the caller who waits for their outcome.

use cqrs_core::ports::{AppendError, Appended, Appends};
use tokio::sync::oneshot;

/// Appends in flight.
#[derive(Debug)]
pub(super) struct AppendJob {
    pub(super) appends: Appends,
    pub(super) answer: oneshot::Sender<Result<Vec<Appended>, AppendError>>,
}
