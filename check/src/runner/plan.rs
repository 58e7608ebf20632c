//! How long a run takes, how many processes it has, and with which faults.

use std::{path::PathBuf, time::Duration};

use super::journal::RunnerBug;

/// The size of a run.
#[derive(Debug, Clone)]
pub struct RunnerPlan {
    /// The program `cqrs-check`, which is started once for each process.
    pub program: PathBuf,
    /// For how long the processes are attacked. The time to handle the rest comes on top.
    pub time: Duration,
    /// The number of processes that share the work.
    pub processes: u16,
    /// How often to end one session of the store.
    pub end_session_every: Duration,
    /// A shell command that kills the server and starts it again, and how often to run it.
    pub crash: Option<(String, Duration)>,
    /// The bug that the processes have.
    pub planted: Option<RunnerBug>,
}
