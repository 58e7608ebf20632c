//! A child process that does one job and can be killed while it does it.

use std::process::Stdio;

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::servers::MAX_WAIT;

/// The job of the child, and the place where it parks. `src/bin/child.rs` reads it.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Job {
    /// `relay`, `view` (over the log), `reactor` (over a topic), `service` (the relay and the view), `processes` (over the log), or `stuck`: a service
    /// with a task that never ends. It prints that it is parked when it starts and when it is asked to stop.
    pub role: String,
    /// The schema of its store.
    pub schema: String,
    /// The prefix of its topics.
    pub prefix: String,
    /// The relay's log message to park at; empty to park before the commit.
    pub park_at: String,
    /// The number of the message or batch to park at, counted from 1.
    pub nth: u32,
    /// The number of events in a batch.
    pub batch_size: usize,
}

/// The running child.
#[derive(Debug)]
pub struct ChildProcess {
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
    input: ChildStdin,
}

impl ChildProcess {
    /// Starts the child.
    ///
    /// # Panics
    /// When the program cannot be started.
    #[must_use]
    pub fn start(program: &str, job: &Job, brokers: Option<&str>) -> Self {
        let mut command = Command::new(program);
        command.arg(serde_json::to_string(job).expect("a job is JSON"));
        if let Some(brokers) = brokers {
            command.env("KAFKA_BROKERS", brokers);
        }
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().expect("starts the child");
        let output = BufReader::new(child.stdout.take().expect("piped")).lines();
        let input = child.stdin.take().expect("piped");
        Self {
            child,
            output,
            input,
        }
    }

    /// Waits until it is parked.
    ///
    /// # Panics
    /// When it ends first, or does not park in time.
    pub async fn parked(&mut self) {
        let line = tokio::time::timeout(MAX_WAIT, self.output.next_line())
            .await
            .expect("parks in time");
        let line = line
            .expect("reads")
            .expect("the child ended before it parked; its errors are above");
        assert!(line.starts_with("parked"), "{line}");
    }

    /// Lets a parked child continue.
    ///
    /// # Panics
    /// When it has ended.
    pub async fn resume(&mut self) {
        self.input
            .write_all(b"\n")
            .await
            .expect("the child reads its input");
    }

    /// Its process id.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id().expect("is running")
    }

    /// Sends a signal, for example `-TERM`.
    ///
    /// # Panics
    /// When it has ended.
    pub async fn signal(&self, signal: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().await;
        assert!(sent.expect("runs kill").success(), "{signal} is sent");
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// When it does not end in time.
    pub async fn ended(mut self) -> std::process::ExitStatus {
        tokio::time::timeout(MAX_WAIT, self.child.wait())
            .await
            .expect("ends in time")
            .expect("is awaited")
    }

    /// Sends SIGKILL.
    ///
    /// # Panics
    /// When it has ended by itself.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("is killed");
    }
}
