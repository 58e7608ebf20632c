//! Runs a program on a store, its clients at the same time, and records what happened.

mod answers;
mod client;
mod scene;
mod seen;
mod transaction;

use std::sync::Arc;

use cqrs_core::EventStore;
use tokio::task::JoinSet;

use self::{client::Client, scene::Scene};
use super::{
    history::{History, Operation},
    program::Program,
};

/// A program that is under way.
pub(super) struct Running {
    streams: usize,
    clients: JoinSet<Vec<Operation>>,
}

/// Starts the program on streams that nobody has used before. The clients take turns with the handles of the store.
pub(super) fn start<S: EventStore>(stores: &[S], program: Program) -> Running {
    let Program { streams, clients } = program;
    let scene = Arc::new(Scene::new(streams, clients.len()));
    let mut running = JoinSet::new();
    for ((number, steps), store) in (1..).zip(clients).zip(stores.iter().cycle()) {
        running.spawn(Client::new(number, store.clone(), Arc::clone(&scene)).run(steps));
    }
    Running {
        streams,
        clients: running,
    }
}

impl Running {
    /// What has happened, when every client has taken its steps.
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
