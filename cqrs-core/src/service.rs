//! Runs the parts of a process together, and stops them in order.

mod health;
mod outcome;
mod part;
mod signals;
mod supervisor;

use std::{collections::HashSet, fmt, time::Duration};

use tokio::sync::watch;

pub use self::{
    health::{HealthReport, PartHealth, ServiceHealth},
    outcome::{PartAborted, PartEnd, PartOutcome, PartPanicked, ServiceError, ServiceOutcome},
    part::{Part, PartKind, PartName, Stop},
    signals::Signals,
};
use self::{
    outcome::Cause,
    supervisor::{Limits, Supervisor},
};
use crate::{
    ports::{BoxError, HealthLimits, Inspect},
    run_loop::Progress,
};

/// The reaction of a service when a part fails.
///
/// ```
/// # use cqrs_core::{Service, service::OnFailure};
/// # #[tokio::main] async fn main() {
/// # let stop = std::future::pending();
/// let service = Service::new()
///     .on_failure(OnFailure::KeepOthers) // `mail` goes on when `web` fails
///     .task("web", |_| async { Err("port 80 is in use".into()) })
///     .task("mail", |_| async { Ok(()) });
/// # let error = service.run_until(stop).await.unwrap_err();
/// # assert_eq!(error.outcome().parts[1].to_string(), "task \"mail\": completed");
/// # }
/// ```
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFailure {
    /// All parts stop in order, and [`Service::run`] returns the error. The process can then end and be restarted, so a
    /// failed part does not go unnoticed.
    #[default]
    StopAll,
    /// The other parts go on. [`Service::progress`] shows which runner or relay has failed.
    KeepOthers,
}

/// Runs the parts of a process together: runners, relays, and tasks of its own such as a web server.
///
/// A [`Runner`](crate::Runner) or [`Relay`](crate::Relay) retries temporary failures itself, such as an unavailable store
/// or broker, also at the start. If it fails, a retry cannot help, and [`OnFailure`] determines whether the others go on.
///
/// The parts stop in this order, so that runners and relays still handle the last events of the parts before them: tasks,
/// runners, relays. Each kind is asked to stop when those before it have finished: the second at the latest after one third
/// of the [deadline](Self::deadline), the third after two thirds. Parts that have not finished at the deadline are
/// aborted, which is as safe as a kill of the process.
///
/// ```
/// use cqrs_core::{MemoryEventStore, Runner, Service};
/// # use cqrs_core::{DocumentKeys, Envelope, Event, View};
/// # #[derive(serde::Serialize, serde::Deserialize)] enum SeatEvent { Booked }
/// # impl Event for SeatEvent { const CATEGORY: &'static str = "seat"; }
/// # struct Seats;
/// # impl View for Seats {
/// #     const NAME: &'static str = "seats"; type Events = SeatEvent; type Document = ();
/// #     fn keys(&self, event: &Envelope<SeatEvent>) -> DocumentKeys { event.id().into() }
/// #     fn apply(&self, _: &str, _: Option<()>, _: &Envelope<SeatEvent>) -> Option<()> { Some(()) }
/// # }
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = MemoryEventStore::default();
/// # let stop = async {};
/// Service::new()
///     .with(Runner::over_log(&store, Seats)?)
///     .task("web", |stop| async move {
///         // Serve requests until `stop` resolves, then finish the open ones.
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
    /// Whether it was asked to stop.
    stopping: watch::Sender<bool>,
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
            stopping: watch::Sender::new(false),
        }
    }

    /// Adds a runner, a relay, or another [`Part`]. Two subscriptions of a service need different names, and so do two relays:
    /// otherwise the service does not start.
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

    /// Sets how long all parts together may take to stop; 25 seconds by default, because Kubernetes kills after 30.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets the reaction when a part fails; by default all parts stop.
    pub fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// Handles to the progress of its runners and relays. Get them before the service runs; they can be read even after its
    /// end.
    #[must_use]
    pub fn progress(&self) -> Vec<(PartName, Progress)> {
        let parts = self.parts.iter();
        let progress = parts.filter_map(|part| Some((part.name.clone(), part.progress.clone()?)));
        progress.collect()
    }

    /// Tells whether the process lives, whether it can do its work, and what somebody should look at: for the routes that an orchestrator
    /// asks. Get it when all parts were added; it can be asked while the service runs and after its end.
    ///
    /// ```
    /// use cqrs_core::{MemoryEventStore, Service, ports::HealthLimits};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let store = MemoryEventStore::default();
    /// let service = Service::new();
    /// let health = service.health(&store, HealthLimits::default());
    /// assert!(health.is_live()); // for /livez
    /// let report = health.report().await;
    /// assert!(report.ready); // for /readyz
    /// println!("{report}"); // live, ready, not degraded
    /// # }
    /// ```
    #[must_use]
    pub fn health<S: Inspect>(&self, store: &S, limits: HealthLimits) -> ServiceHealth<S> {
        ServiceHealth {
            store: store.clone(),
            limits,
            progress: self.progress(),
            stopping: self.stopping.subscribe(),
        }
    }

    /// Runs until the process gets SIGTERM or SIGINT (Ctrl-C), or all parts have ended. A second signal immediately aborts
    /// the parts that have not finished.
    ///
    /// # Errors
    /// When a part has failed or was aborted, two parts have the same name, or signals cannot be received. The error contains
    /// the outcome of every part.
    ///
    /// A part that blocks its thread still runs then, and keeps the runtime from being dropped: end the process with
    /// [`std::process::exit`].
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O and time enabled.
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
    /// As [`run`](Self::run), without signals.
    ///
    /// # Panics
    /// Outside of a tokio runtime with time enabled.
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
        if let Some(name) = self.same_name() {
            return Err(self.not_started(Cause::SameName(name)));
        }
        let limits = Limits {
            deadline: self.deadline,
            on_failure: self.on_failure,
        };
        let supervisor = Supervisor::start(self.parts, limits, self.stopping);
        supervisor.run(stop, abort).await
    }

    /// The name of two subscriptions or of two relays.
    fn same_name(&self) -> Option<PartName> {
        let mut names = HashSet::new();
        let parts = self.parts.iter().map(|part| &part.name);
        let mut shared = parts.filter(|name| name.kind != PartKind::Task);
        shared.find(|name| !names.insert(*name)).cloned()
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
