//! Runs everything that a process runs, until the process is asked to stop.

mod outcome;
mod part;
mod signals;
mod supervisor;

use std::{fmt, time::Duration};

use self::{
    outcome::Cause,
    supervisor::{Limits, Supervisor},
};
pub use self::{
    outcome::{PartAborted, PartEnd, PartOutcome, PartPanicked, ServiceError, ServiceOutcome},
    part::{Part, PartKind, PartName, Stop},
    signals::Signals,
};
use crate::ports::{BoxError, Progress};

/// What becomes of the others when a part has failed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFailure {
    /// All parts stop in order, and [`Service::run`] returns the error, so that the process ends and is started again by
    /// whatever watches over it. A part that is missing cannot go unnoticed.
    #[default]
    StopAll,
    /// The others go on. [`Service::progress`] shows the part that has failed.
    KeepOthers,
}

/// Runs the parts of a process together: runners, relays, and tasks of its own such as a web server.
///
/// A [`Runner`](crate::Runner) or [`Relay`](crate::Relay) retries by itself what may pass: a store or broker that is
/// away, at the start too. So a part that ends by itself has failed for good, and [`OnFailure`] says what the others do.
///
/// To stop, the parts are asked in this order, so that what the first ones still cause reaches the last ones: tasks,
/// runners, relays. Each kind is asked when those before it have finished, or at the latest after its share of the
/// [deadline](Self::deadline). What has not finished by then is aborted; a killed process loses nothing either.
///
/// ```
/// use cqrs_core::{MemoryEventStore, Runner, Service};
/// # use cqrs_core::{Envelope, Event, Keys, View};
/// # #[derive(serde::Serialize, serde::Deserialize)] enum SeatEvent { Booked }
/// # impl Event for SeatEvent { const CATEGORY: &'static str = "seat"; }
/// # struct Seats;
/// # impl View for Seats {
/// #     const NAME: &'static str = "seats"; type Events = SeatEvent; type Document = ();
/// #     fn keys(&self, event: &Envelope<SeatEvent>) -> Keys { event.id().into() }
/// #     fn apply(&self, _: &str, _: Option<()>, _: &Envelope<SeatEvent>) -> Option<()> { Some(()) }
/// # }
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = MemoryEventStore::default();
/// # let stop = async {};
/// Service::new()
///     .with(Runner::over_log(&store, Seats)?)
///     .task("web", |stop| async move {
///         // Serve requests until `stop` resolves, then finish those in hand.
///         stop.await;
///         Ok(())
///     })
/// #   .run_until(stop).await?;
/// # Ok(())
/// # }
/// # async fn until_a_signal(service: Service) -> Result<(), Box<dyn std::error::Error>> {
/// #   service
///     .run() // until SIGTERM or SIGINT
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a service does nothing until it is run"]
pub struct Service {
    parts: Vec<Part>,
    deadline: Duration,
    on_failure: OnFailure,
}

impl Default for Service {
    fn default() -> Self {
        Self::new()
    }
}

impl Service {
    /// A service without parts.
    pub fn new() -> Self {
        Self {
            parts: Vec::new(),
            deadline: Duration::from_secs(25),
            on_failure: OnFailure::default(),
        }
    }

    /// Adds a runner, a relay, or another [`Part`].
    pub fn with(mut self, part: impl Into<Part>) -> Self {
        self.parts.push(part.into());
        self
    }

    /// Adds a task of your own. It gets a future that resolves when the task is to stop.
    pub fn task<F>(
        self,
        name: impl Into<String>,
        run: impl FnOnce(Stop) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.with(Part::task(name, run))
    }

    /// How long all parts together may take to stop; 25 seconds by default, since Kubernetes kills after 30.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// What becomes of the others when a part has failed; they stop by default.
    pub fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// How its runners and relays get on. Ask before the service runs; the handles can be read even after its end.
    #[must_use]
    pub fn progress(&self) -> Vec<(PartName, Progress)> {
        let parts = self.parts.iter();
        let progress = parts.filter_map(|part| Some((part.name.clone(), part.progress.clone()?)));
        progress.collect()
    }

    /// Runs until the process gets SIGTERM or SIGINT (Ctrl-C), or all parts have ended. A second signal aborts at once
    /// what has not finished.
    ///
    /// # Errors
    /// When a part has failed or was aborted. The outcome of every part is in it.
    pub async fn run(self) -> Result<ServiceOutcome, ServiceError> {
        let signals = Signals::listen().and_then(|first| Ok((first, Signals::listen()?)));
        let (mut first, mut all) = match signals {
            Ok(signals) => signals,
            Err(error) => return Err(self.not_started(Cause::Signals(error))),
        };
        let second = async {
            all.received().await;
            all.received().await;
        };
        self.supervise(first.received(), second).await
    }

    /// Runs until `stop` resolves, or all parts have ended.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_until(
        self,
        stop: impl Future<Output = ()>,
    ) -> Result<ServiceOutcome, ServiceError> {
        self.supervise(stop, std::future::pending()).await
    }

    async fn supervise(
        self,
        stop: impl Future<Output = ()>,
        abort: impl Future<Output = ()>,
    ) -> Result<ServiceOutcome, ServiceError> {
        let limits = Limits {
            deadline: self.deadline,
            on_failure: self.on_failure,
        };
        Supervisor::start(self.parts, limits).run(stop, abort).await
    }

    fn not_started(self, cause: Cause) -> ServiceError {
        let parts = self.parts.into_iter();
        let parts = parts.map(|part| PartOutcome::new(part.name, PartEnd::NotStarted));
        ServiceError::new(ServiceOutcome::new(parts.collect()), cause)
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("parts", &self.parts)
            .field("deadline", &self.deadline)
            .field("on_failure", &self.on_failure)
            .finish()
    }
}

#[cfg(test)]
mod tests;
