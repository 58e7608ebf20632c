//! The names that this process holds, on one connection of their own.
//!
//! **Invariant**: a name is held as long as its session lives, and the server ends the session when it was silent for the lease. So
//! a process that is killed, stopped or cut off loses its names by the clock of the server.

mod keeper;
mod session;

use std::sync::Arc;

use cqrs_core::{
    StoreError, StoreErrorKind,
    ports::{Hold, HoldError, NameKind},
};
use tokio::sync::oneshot;

use self::keeper::Keeper;
use crate::{batching::lazy_task::LazyTask, connect::backend::Backend};

/// The name of a runner or relay.
type Name = (NameKind, String);

/// A request to hold a name.
#[derive(Debug)]
struct Job {
    name: Name,
    answer: oneshot::Sender<Result<Hold, HoldError>>,
}

/// The names that a store holds.
#[derive(Debug)]
pub(crate) struct OwnNames {
    backend: Arc<Backend>,
    task: LazyTask<Job>,
}

impl OwnNames {
    pub(crate) fn new(backend: Arc<Backend>) -> Self {
        Self {
            backend,
            task: LazyTask::default(),
        }
    }

    /// Holds a name. A caller who stops waiting does not hold it.
    pub(crate) async fn hold(&self, kind: NameKind, name: &str) -> Result<Hold, HoldError> {
        if self.backend.pools.transactions.is_closed() {
            let message = "the store was closed; connect again";
            return Err(StoreError::new(StoreErrorKind::Other, message).into());
        }
        let (answer, held) = oneshot::channel();
        let name = (kind, name.to_owned());
        let start = |jobs| tokio::spawn(Keeper::new(Arc::clone(&self.backend)).run(jobs));
        self.task.send(Job { name, answer }, start).await?;
        let ended = |_| HoldError::from(unavailable("the task that holds names has ended"));
        held.await.map_err(ended)?
    }

    /// Gives every name back. Whoever holds one has lost it.
    pub(crate) async fn close(&self) {
        self.task.close().await;
    }
}

fn unavailable(why: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, why)
}
