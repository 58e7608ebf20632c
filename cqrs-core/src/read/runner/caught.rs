//! Turns a panic of a role into an error, so that its event can be found.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
};

use crate::model::message_of;

/// A role panicked.
#[derive(Debug, thiserror::Error)]
#[error("the role panicked: {0}")]
pub(super) struct Panicked(String);

/// Runs a future; its panic is an error.
///
/// Nothing that the future has touched is used after a panic: the transaction is rolled back, and the runner claims again.
pub(super) async fn caught<T>(future: impl Future<Output = T>) -> Result<T, Panicked> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(panic) => Poll::Ready(Err(Panicked(message_of(&*panic)))),
        }
    })
    .await
}
