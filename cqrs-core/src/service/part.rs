//! One part of a service: a runner, a relay or a task.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::sync::watch;

use crate::{
    ports::{BoxError, Checkpoints, EventStore, Inbox, Leases, Parking, Publisher, Source},
    read::{Handler, Runner},
    relay::Relay,
    run_loop::Progress,
};

/// The kinds of parts, in the order in which they stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PartKind {
    /// A task of the application, for example a web server.
    Task,
    /// A runner of a view, a projection or a reactor, over a log or topics.
    Subscription,
    /// A relay.
    Relay,
}

impl PartKind {
    /// All kinds, in the order in which they stop.
    pub(super) const ALL: [Self; 3] = [Self::Task, Self::Subscription, Self::Relay];
}

impl fmt::Display for PartKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Task => "task",
            Self::Subscription => "subscription",
            Self::Relay => "relay",
        })
    }
}

/// Identifies a part. A subscription and a relay may have the same name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct PartName {
    /// Its kind.
    pub kind: PartKind,
    /// Its name.
    pub name: String,
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.kind, self.name)
    }
}

/// A future that resolves when a part is asked to stop. Its clones resolve too.
pub struct Stop {
    stopping: watch::Receiver<bool>,
    waiting: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Stop {
    pub(super) fn new(stopping: watch::Receiver<bool>) -> Self {
        let mut receiver = stopping.clone();
        let waiting = Box::pin(async move {
            // A dropped sender also means stop.
            let _ = receiver.wait_for(|stop| *stop).await;
        });
        Self { stopping, waiting }
    }
}

impl Clone for Stop {
    fn clone(&self) -> Self {
        Self::new(self.stopping.clone())
    }
}

impl Future for Stop {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.waiting.as_mut().poll(context)
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop")
            .field("stopping", &*self.stopping.borrow())
            .finish()
    }
}

pub(super) type Running = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

/// One part of a [`Service`](crate::Service). Runners and relays convert into it.
pub struct Part {
    pub(super) name: PartName,
    pub(super) progress: Option<Progress>,
    pub(super) run: Box<dyn FnOnce(Stop) -> Running + Send>,
}

impl Part {
    /// A task of your own. Its future should resolve soon after `Stop` does.
    pub fn task<F>(name: impl Into<String>, run: impl FnOnce(Stop) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        Self::new(PartKind::Task, name, None, run)
    }

    pub(super) fn new<F>(
        kind: PartKind,
        name: impl Into<String>,
        progress: Option<Progress>,
        run: impl FnOnce(Stop) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let name = name.into();
        Self {
            name: PartName { kind, name },
            progress,
            run: Box::new(|stop| Box::pin(run(stop))),
        }
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<S: Checkpoints + Inbox + Parking, H: Handler<S>, R: Source> From<Runner<S, H, R>> for Part {
    fn from(runner: Runner<S, H, R>) -> Self {
        let name = runner.subscription().to_owned();
        let progress = Some(runner.progress());
        Self::new(PartKind::Subscription, name, progress, |stop| async move {
            Ok(runner.run(stop).await?)
        })
    }
}

impl<S: EventStore + Leases, P: Publisher> From<Relay<S, P>> for Part {
    fn from(relay: Relay<S, P>) -> Self {
        let name = relay.name().to_owned();
        let progress = Some(relay.progress());
        Self::new(PartKind::Relay, name, progress, |stop| async move {
            Ok(relay.run(stop).await?)
        })
    }
}
