//! The health of a process: whether it lives, whether it can do its work, and what somebody should look at.

use std::{fmt, time::Duration};

use tokio::sync::watch;

use super::part::PartName;
use crate::{
    model::chain,
    ports::{Health, HealthLimits, Inspect, Lag, StoreError},
    run_loop::{Phase, Progress},
};

/// Tells the health of a service, while it runs and after it has ended. Get it from [`Service::health`](crate::Service::health) before
/// the service runs.
#[derive(Debug, Clone)]
pub struct ServiceHealth<S> {
    pub(super) store: S,
    pub(super) limits: HealthLimits,
    pub(super) progress: Vec<(PartName, Progress)>,
    /// Whether the service was asked to stop.
    pub(super) stopping: watch::Receiver<bool>,
}

/// The health of a service at one moment.
///
/// | | says | a reason to |
/// | --- | --- | --- |
/// | `live` | every runner and relay runs, or was asked to stop | restart the process |
/// | `ready` | it is live, the store answers, and it was not asked to stop | send it no requests |
/// | `degraded` | there is a finding | tell a person |
///
/// Lag, parked streams and a held mark are findings. They change neither `live` nor `ready`: a restart would not help, and a reader that
/// is behind is no reason to take a writer out.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct HealthReport {
    /// Whether every loop runs.
    pub live: bool,
    /// Whether it can do its work now.
    pub ready: bool,
    /// What somebody should look at, as sentences.
    pub findings: Vec<String>,
    /// How each runner and relay is doing.
    pub parts: Vec<PartHealth>,
}

/// How a runner or a relay is doing. It asks nobody: see [`PartitionProgress::lag`](crate::run_loop::PartitionProgress::lag).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PartHealth {
    /// The runner or relay.
    pub part: PartName,
    /// Its phase.
    pub phase: Phase,
    /// How far it is behind; `None` before its first read.
    pub lag: Option<Lag>,
    /// How many events it has handled in a second, over the last ten seconds.
    pub events_per_second: f64,
    /// Its last error, even if a retry succeeded since.
    pub last_error: Option<String>,
}

impl PartHealth {
    fn of((part, progress): &(PartName, Progress)) -> Self {
        Self {
            part: part.clone(),
            phase: progress.phase(),
            lag: progress.lag(),
            events_per_second: progress.events_per_second(),
            last_error: progress.last_error(),
        }
    }
}

/// `subscription "balances": reading, 208 events or more behind (41.7 s), 1200.0 events/s`.
impl fmt::Display for PartHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.part, self.phase)?;
        if let Some(lag) = self.lag.filter(|lag| *lag != Lag::NONE) {
            write!(f, ", {lag}")?;
        }
        write!(f, ", {:.1} events/s", self.events_per_second)?;
        match &self.last_error {
            Some(error) => write!(f, ", last error: {error}"),
            None => Ok(()),
        }
    }
}

impl HealthReport {
    /// Whether there is anything to look at.
    #[must_use]
    pub fn degraded(&self) -> bool {
        !self.findings.is_empty()
    }
}

/// `live, ready, degraded`, and a line for each finding.
impl fmt::Display for HealthReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_not = |holds| if holds { "" } else { "not " };
        let (live, ready) = (or_not(self.live), or_not(self.ready));
        let degraded = or_not(self.degraded());
        write!(f, "{live}live, {ready}ready, {degraded}degraded")?;
        for finding in &self.findings {
            write!(f, "\n{finding}")?;
        }
        Ok(())
    }
}

impl<S: Inspect> ServiceHealth<S> {
    /// Whether every runner and relay runs, or was asked to stop. Asks nobody.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.progress
            .iter()
            .all(|(_, progress)| !has_died(progress))
    }

    /// The health now. It asks the store once, and takes no longer than [`HealthLimits::answer`]. It never fails: a store that does not
    /// answer is a finding.
    pub async fn report(&self) -> HealthReport {
        let asked = tokio::time::timeout(self.limits.answer, self.store.health(&self.limits));
        let answer = asked
            .await
            .unwrap_or_else(|_| Err(no_answer(self.limits.answer)));
        let live = self.is_live();
        let ready = live && answer.is_ok() && !*self.stopping.borrow();
        let of_parts = self.progress.iter();
        let of_parts = of_parts.filter_map(|(part, progress)| self.of_part(part, progress));
        HealthReport {
            live,
            ready,
            findings: of_parts.chain(of_store(answer)).collect(),
            parts: self.parts(),
        }
    }

    /// How each runner and relay is doing. Asks nobody.
    #[must_use]
    pub fn parts(&self) -> Vec<PartHealth> {
        self.progress.iter().map(PartHealth::of).collect()
    }

    fn of_part(&self, part: &PartName, progress: &Progress) -> Option<String> {
        match progress.phase() {
            Phase::Failed(error) => Some(format!("{part} has failed: {error}")),
            Phase::Gone => Some(format!(
                "{part} is gone: it was dropped, or it panicked; restart the process"
            )),
            Phase::Retrying { since, attempts } if since.elapsed() >= self.limits.retrying => {
                let seconds = since.elapsed().as_secs();
                let error = progress.last_error().unwrap_or_default();
                Some(format!(
                    "{part} has failed {attempts} times for {seconds} s, and tries again: {error}"
                ))
            }
            _ => None,
        }
    }
}

fn has_died(progress: &Progress) -> bool {
    matches!(progress.phase(), Phase::Failed(_) | Phase::Gone)
}

fn of_store(answer: Result<Health, StoreError>) -> Vec<String> {
    match answer {
        Ok(health) => health.findings.iter().map(ToString::to_string).collect(),
        Err(error) => vec![format!("the store does not answer: {}", chain(&error))],
    }
}

fn no_answer(limit: Duration) -> StoreError {
    let message = format!("no answer within {limit:?}");
    StoreError::new(crate::ports::StoreErrorKind::Unavailable, message)
}
