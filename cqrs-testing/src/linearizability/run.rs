//! Runs the clients of a program concurrently on a store, and records the history.

mod client;
mod last_seen;
mod outcomes;
mod shared;
mod transaction;

use std::sync::Arc;

use cqrs_core::EventStore;
use tokio::task::JoinSet;

use self::{client::Client, shared::SharedState};
use super::{
    history::{History, Operation},
    program::Program,
};

/// A running program.
pub(super) struct Running {
    streams: usize,
    clients: JoinSet<Vec<Operation>>,
}

/// Starts the program on new streams. The handles of the store are assigned to the clients in turn.
pub(super) fn start<S: EventStore>(stores: &[S], program: Program) -> Running {
    let Program { streams, clients } = program;
    let shared = Arc::new(SharedState::new(streams, clients.len()));
    let mut running = JoinSet::new();
    for ((number, steps), store) in (1..).zip(clients).zip(stores.iter().cycle()) {
        running.spawn(Client::new(number, store.clone(), Arc::clone(&shared)).run(steps));
    }
    Running {
        streams,
        clients: running,
    }
}

impl Running {
    /// Waits until every client has finished, and returns the history.
    pub(super) async fn history(self) -> History {
        let mut operations: Vec<_> = self
            .clients
            .join_all()
            .await
            .into_iter()
            .flatten()
            .collect();
        operations.sort_by_key(|operation| operation.invoked);
        History {
            streams: self.streams,
            operations,
        }
    }
}
