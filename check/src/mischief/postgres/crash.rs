//! Crashes the server, by the user's command.

use std::{process::Stdio, sync::atomic::Ordering::Relaxed, time::Duration};

use tokio::process::Command;

use super::PgMischief;
use crate::{error::CheckError, scene::Scene};

/// The server must be back within this time.
const PATIENCE: Duration = Duration::from_secs(180);

impl PgMischief {
    pub(super) async fn crash(&self, scene: &Scene) -> Result<(), CheckError> {
        let Some((command, every)) = &self.plan.crash else {
            return Ok(());
        };
        loop {
            scene.pause(*every).await;
            if scene.is_stopping() {
                return Ok(());
            }
            let failed = |why| CheckError::CrashCommand {
                command: command.clone(),
                why,
            };
            run(command).await.map_err(failed)?;
            self.done.crashes.fetch_add(1, Relaxed);
        }
    }
}

/// What the command prints goes to the standard error: the standard output is the report's.
async fn run(command: &str) -> Result<(), String> {
    let mut shell = Command::new("sh");
    let running = shell
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .kill_on_drop(true)
        .status();
    match tokio::time::timeout(PATIENCE, running).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(status.to_string()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("not done within {PATIENCE:?}")),
    }
}
