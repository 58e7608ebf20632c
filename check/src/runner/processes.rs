//! The processes from outside: each is killed and started again, or stopped and continued.

use std::{process::Stdio, time::Duration};

use tokio::process::{Child, ChildStdin, Command};

use super::{attack::Attack, counts::Counters, journal::RunnerBug, store::LEASE};
use crate::error::CheckError;

/// How long a process is left alone.
const CALM: std::ops::Range<u64> = 500..3_000;
/// A stop takes between a quarter of a lease and two and a half.
const STOP_QUARTERS: std::ops::RangeInclusive<u32> = 1..=10;
/// A process that is asked to end has this long.
const END: Duration = Duration::from_secs(30);

/// A running process. It ends when this is dropped.
pub(super) struct Process {
    child: Child,
    input: ChildStdin,
}

impl Process {
    fn start(attack: &Attack) -> Result<Self, CheckError> {
        let mut command = Command::new(&attack.plan.program);
        command.args(["runner-process", "--schema", attack.store.schema()]);
        let planted = attack.plan.planted.map(RunnerBug::name);
        command.args(planted.into_iter().flat_map(|name| ["--planted", name]));
        // A group of its own: Ctrl-C is for the checker, which ends them in order.
        let started = command
            .env("DATABASE_URL", &attack.url)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let mut child = started.map_err(|error| {
            let program = attack.plan.program.display();
            CheckError::Process(format!("{program} could not be started: {error}"))
        })?;
        let input = child.stdin.take();
        let input = input.ok_or_else(|| CheckError::Process("it has no standard input".into()))?;
        Ok(Self { child, input })
    }

    /// Sends SIGKILL, and waits until it is gone.
    async fn kill(&mut self) -> Result<(), CheckError> {
        let killed = self.child.kill().await;
        killed.map_err(|error| CheckError::Process(format!("it could not be killed: {error}")))
    }

    /// Sends a signal, such as `STOP`.
    async fn signal(&self, signal: &str) -> Result<(), CheckError> {
        let Some(id) = self.child.id() else {
            return Ok(());
        };
        let kill = format!("kill -{signal} {id}");
        let sent = Command::new("sh").args(["-c", &kill]).status().await;
        match sent {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(CheckError::Process(format!("`{kill}` failed: {status}"))),
            Err(error) => Err(CheckError::Process(format!("`{kill}` failed: {error}"))),
        }
    }

    fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Asks it to end. Returns whether it does, without an error.
    pub(super) async fn end(self) -> bool {
        let Self { mut child, input } = self;
        drop(input);
        let ended = tokio::time::timeout(END, child.wait()).await;
        matches!(ended, Ok(Ok(status)) if status.success())
    }
}

/// Keeps one process running, and kills or stops it again and again. Returns it at the end, running.
pub(super) async fn attack_process(attack: &Attack) -> Result<Process, CheckError> {
    let counters = &attack.counters;
    let mut process = Process::start(attack)?;
    loop {
        let calm = Duration::from_millis(fastrand::u64(CALM));
        attack.state.sleep(calm).await;
        if process.has_ended() {
            Counters::add(&counters.ended);
            process = Process::start(attack)?;
        } else if attack.state.is_stopping() {
            return Ok(process);
        } else if fastrand::bool() {
            process.kill().await?;
            Counters::add(&counters.kills);
            process = Process::start(attack)?;
        } else {
            stop_for_a_while(attack, &process).await?;
        }
    }
}

async fn stop_for_a_while(attack: &Attack, process: &Process) -> Result<(), CheckError> {
    let time = LEASE / 4 * fastrand::u32(STOP_QUARTERS);
    process.signal("STOP").await?;
    let stopped = tokio::time::Instant::now();
    attack.state.sleep(time).await;
    let stopped = stopped.elapsed();
    process.signal("CONT").await?;
    Counters::add(&attack.counters.stops);
    if stopped > LEASE {
        Counters::add(&attack.counters.beyond_lease);
    }
    Ok(())
}
