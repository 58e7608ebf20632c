//! The outcome of a service and of each of its parts.

use std::{error::Error, fmt, io, time::Duration};

use super::part::PartName;
use crate::{model::chain, ports::BoxError};

/// How a part ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum PartEnd {
    /// It was asked to stop, and finished its current work.
    Stopped,
    /// It ended without an error before it was asked to stop. Only a task can do that.
    Completed,
    /// It ended with an error.
    Failed(BoxError),
    /// It panicked.
    Panicked(PartPanicked),
    /// It was aborted at the deadline or at a second signal.
    Aborted(PartAborted),
    /// The service could not start: it could not listen for signals, or two of its parts have the same name.
    NotStarted,
}

impl PartEnd {
    /// Whether it ended without an error.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.error().is_none()
    }

    /// Its error.
    #[must_use]
    pub fn error(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Stopped | Self::Completed | Self::NotStarted => None,
            Self::Failed(error) => Some(&**error),
            Self::Panicked(error) => Some(error),
            Self::Aborted(error) => Some(error),
        }
    }
}

impl fmt::Display for PartEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("stopped"),
            Self::Completed => f.write_str("completed"),
            Self::NotStarted => f.write_str("not started"),
            Self::Failed(error) => write!(f, "failed: {}", chain(&**error)),
            Self::Panicked(error) => write!(f, "panicked: {}", error.message),
            Self::Aborted(error) => write!(f, "aborted after {:?}", error.waited),
        }
    }
}

/// A part panicked.
#[derive(Debug, thiserror::Error)]
#[error("{part} panicked: {message}")]
#[non_exhaustive]
pub struct PartPanicked {
    /// The part.
    pub part: PartName,
    /// The message of the panic.
    pub message: String,
}

/// A part was aborted because it did not finish in time.
#[derive(Debug, thiserror::Error)]
#[error("{part} did not finish within {waited:?}")]
#[non_exhaustive]
pub struct PartAborted {
    /// The part.
    pub part: PartName,
    /// The time between the request to stop and the abort.
    pub waited: Duration,
}

/// The outcome of one part.
#[derive(Debug)]
#[non_exhaustive]
pub struct PartOutcome {
    /// The part.
    pub part: PartName,
    /// How it ended.
    pub end: PartEnd,
}

impl PartOutcome {
    pub(super) fn new(part: PartName, end: PartEnd) -> Self {
        Self { part, end }
    }
}

impl fmt::Display for PartOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.part, self.end)
    }
}

/// The outcome of each part, in the order in which the parts were added. Prints one line for each.
///
/// ```
/// # use cqrs_core::Service;
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let stop = std::future::pending();
/// let service = Service::new().task("import", |_| async { Ok(()) });
/// let outcome = service.run_until(stop).await?;
/// assert_eq!(outcome.to_string(), r#"task "import": completed"#);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct ServiceOutcome {
    /// The parts.
    pub parts: Vec<PartOutcome>,
}

impl ServiceOutcome {
    pub(super) fn new(parts: Vec<PartOutcome>) -> Self {
        Self { parts }
    }
}

impl fmt::Display for ServiceOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.parts.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{part}")?;
        }
        Ok(())
    }
}

/// The error of a service. Its source is the first failure; its outcome has all of them.
///
/// ```
/// # use cqrs_core::Service;
/// # #[tokio::main] async fn main() {
/// # let stop = std::future::pending();
/// let service = Service::new()
///     .task("web", |_| async { Err("port 80 is in use".into()) })
///     .task("mail", |stop| async { stop.await; Ok(()) });
/// if let Err(error) = service.run_until(stop).await {
///     println!("{error}:\n{}", error.outcome());
/// #   assert_eq!(error.to_string(), "1 of 2 parts of the service failed");
/// #   assert_eq!(error.outcome().to_string(), "task \"web\": failed: port 80 is in use\ntask \"mail\": stopped");
/// }
/// // 1 of 2 parts of the service failed:
/// // task "web": failed: port 80 is in use
/// // task "mail": stopped
/// # }
/// ```
#[derive(Debug)]
pub struct ServiceError {
    outcome: ServiceOutcome,
    cause: Cause,
}

/// The first failure.
#[derive(Debug)]
pub(super) enum Cause {
    /// This part failed.
    Part(usize),
    /// The service could not listen for signals, so it started no part.
    Signals(io::Error),
    /// Two parts have the same name, so the service started none.
    SameName(PartName),
}

impl ServiceError {
    pub(super) fn new(outcome: ServiceOutcome, cause: Cause) -> Self {
        Self { outcome, cause }
    }

    /// The outcome of each part.
    #[must_use]
    pub fn outcome(&self) -> &ServiceOutcome {
        &self.outcome
    }

    /// The part that failed first; `None` when none was started.
    #[must_use]
    pub fn first(&self) -> Option<&PartOutcome> {
        match self.cause {
            Cause::Part(index) => self.outcome.parts.get(index),
            Cause::Signals(_) | Cause::SameName(_) => None,
        }
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Signals(_) => {
                return f.write_str("the service cannot listen for signals and was not started");
            }
            Cause::SameName(part) => {
                return write!(
                    f,
                    "two parts of the service are called {part}, so it was not started: they would share a place, and each \
                     would miss what the other one handles"
                );
            }
            Cause::Part(_) => {}
        }
        let parts = &self.outcome.parts;
        let failed = parts.iter().filter(|part| !part.end.is_ok()).count();
        write!(f, "{failed} of {} parts of the service failed", parts.len())
    }
}

impl Error for ServiceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            Cause::Part(index) => self.outcome.parts.get(*index)?.end.error(),
            Cause::Signals(error) => Some(error),
            Cause::SameName(_) => None,
        }
    }
}
