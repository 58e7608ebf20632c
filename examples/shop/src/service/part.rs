//! One thing that runs in a service: the relay, a reactor, a view. It can be stopped and started again.

use std::{pin::Pin, time::Duration};

use cqrs_core::model::{PartitionId, Slices};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use crate::error::{At, ShopError};

/// Where a part that ends by itself says why.
pub type Failures = mpsc::UnboundedSender<ShopError>;

/// Resolves when the part is to stop.
pub type Stop = Pin<Box<dyn Future<Output = ()> + Send>>;

type Work = Pin<Box<dyn Future<Output = Result<(), ShopError>> + Send>>;

/// How long a part may take to finish what it has in hand.
const PATIENCE: Duration = Duration::from_secs(30);

/// In which order parts are stopped: what reads first, what publishes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Relay,
    Reactor,
    View,
}

/// What a part reads.
#[derive(Debug, Clone)]
pub struct Input {
    /// A checkpoint each.
    pub partitions: Vec<PartitionId>,
    /// The events in them.
    pub categories: Vec<&'static str>,
}

impl Input {
    /// The service's own log, which holds events of one category.
    pub fn own_log(category: &'static str) -> Self {
        Self {
            partitions: vec![PartitionId::Log(Slices::ALL)],
            categories: vec![category],
        }
    }
}

/// One thing that runs.
pub struct Part {
    name: &'static str,
    kind: Kind,
    input: Input,
    work: Box<dyn Fn(Stop) -> Work + Send + Sync>,
    running: Option<Running>,
}

struct Running {
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

impl Part {
    /// Runs what `work` returns, as often as it is started.
    pub fn new<W>(
        name: &'static str,
        kind: Kind,
        input: Input,
        work: impl Fn(Stop) -> W + Send + Sync + 'static,
    ) -> Self
    where
        W: Future<Output = Result<(), ShopError>> + Send + 'static,
    {
        Self {
            name,
            kind,
            input,
            work: Box::new(move |stop| Box::pin(work(stop))),
            running: None,
        }
    }

    /// Its name. That of a view is the subscription's and the documents' name, too.
    pub fn name(&self) -> &'static str {
        self.name
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What it reads.
    pub fn input(&self) -> &Input {
        &self.input
    }

    /// Starts it. When it ends before it is told to, `failures` hears why.
    pub fn start(&mut self, failures: &Failures) {
        let (stop, stopped) = oneshot::channel();
        let work = (self.work)(Box::pin(async {
            // A sender that is gone means stop, too.
            let _ = stopped.await;
        }));
        let (name, failures) = (self.name, failures.clone());
        let ended = tokio::spawn(async move {
            if let Err(error) = work.await.at(name) {
                // Nobody listens any more: then the shop is closing anyway.
                let _ = failures.send(error);
            }
        });
        self.running = Some(Running { stop, ended });
    }

    /// Tells it to stop. Await what this returns until it has.
    pub fn stop(&mut self) -> impl Future<Output = Result<(), ShopError>> + use<> {
        let (name, running) = (self.name, self.running.take());
        let ended = running.map(|Running { stop, ended }| {
            // It may have ended by itself.
            let _ = stop.send(());
            ended
        });
        async move {
            let Some(ended) = ended else { return Ok(()) };
            let abort = ended.abort_handle();
            match tokio::time::timeout(PATIENCE, ended).await {
                Ok(ended) => ended.at(name),
                Err(_) => {
                    abort.abort();
                    Err(ShopError::new(
                        name,
                        "did not stop within 30 s and was aborted",
                    ))
                }
            }
        }
    }
}
