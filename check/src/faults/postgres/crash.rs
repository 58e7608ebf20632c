//! Crashes the server with the user's command.

use std::{process::Stdio, sync::atomic::Ordering::Relaxed, time::Duration};

use tokio::process::Command;

use super::PgFaults;
use crate::{error::CheckError, run_state::RunState};

/// The server must be back within this time.
const TIMEOUT: Duration = Duration::from_secs(180);

impl PgFaults {
    pub(super) async fn crash(&self, state: &RunState) -> Result<(), CheckError> {
        let Some((command, every)) = &self.plan.crash else {
            return Ok(());
        };
        loop {
            state.sleep(*every).await;
            if state.is_stopping() {
                return Ok(());
            }
            run(command)
                .await
                .map_err(|reason| CheckError::CrashCommand {
                    command: command.clone(),
                    reason,
                })?;
            self.injected.crashes.fetch_add(1, Relaxed);
        }
    }
}

/// Runs the command. Its output goes to the standard error, because the standard output is for the report.
async fn run(command: &str) -> Result<(), String> {
    let mut shell = Command::new("sh");
    let running = shell
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .kill_on_drop(true)
        .status();
    match tokio::time::timeout(TIMEOUT, running).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(status.to_string()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("not finished within {TIMEOUT:?}")),
    }
}
