//! A broker for one test, which can be paused and killed without an effect on other tests.

use std::{path::PathBuf, process::Command};

use crate::servers::{fresh_name, project};

/// Apache Kafka with one node, started by `scripts/services`. On drop it is stopped and its data is removed.
#[derive(Debug)]
pub struct Broker {
    state: PathBuf,
    brokers: String,
    pid: String,
}

impl Broker {
    /// Starts a broker.
    ///
    /// # Panics
    /// When it does not start; the script's output says why.
    #[must_use]
    pub fn start() -> Self {
        let state = std::env::temp_dir().join(format!("cqrs-broker-{}", fresh_name()));
        let mut broker = Self {
            state,
            brokers: String::new(),
            pid: String::new(),
        };
        broker.up();
        broker
    }

    /// Starts it again after a kill, with the same address and data.
    ///
    /// # Panics
    /// When it does not start; the script's output says why.
    pub fn up(&mut self) {
        let output = self
            .services("up")
            .arg("--kafka-only")
            .output()
            .expect("runs the script");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let value = |name: &str| {
            let prefix = format!("export {name}='");
            let line = said.lines().find_map(|line| line.strip_prefix(&prefix));
            line.unwrap_or_else(|| panic!("{name} is missing in {said}"))
                .trim_end_matches('\'')
                .to_owned()
        };
        (self.brokers, self.pid) = (value("KAFKA_BROKERS"), value("CQRS_KAFKA_PIDS"));
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.brokers
    }

    /// Sends SIGSTOP. The kernel still accepts data for it, but it does nothing.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Sends SIGCONT.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    /// Sends SIGKILL.
    pub fn kill(&self) {
        self.signal("-KILL");
    }

    /// Whether its sockets have unread bytes: a paused broker has received a request.
    ///
    /// # Panics
    /// When the kernel's table of sockets cannot be read.
    #[must_use]
    pub fn has_unread_requests(&self) -> bool {
        let port: u16 = self
            .brokers
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
            .expect("a port");
        let port = format!(":{port:04X}");
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"]
            .map(|path| std::fs::read_to_string(path).unwrap_or_default());
        tables
            .iter()
            .flat_map(|table| table.lines().skip(1))
            .any(|line| {
                let columns: Vec<&str> = line.split_whitespace().collect();
                // local address, remote address, state, send:receive queue
                let [_, local, _, state, queues, ..] = columns.as_slice() else {
                    return false;
                };
                local.ends_with(&port) && *state == "01" && !queues.ends_with(":00000000")
            })
    }

    fn signal(&self, signal: &str) {
        let killed = Command::new("kill")
            .args([signal, &self.pid])
            .status()
            .expect("runs kill");
        assert!(killed.success(), "kill {signal} {}", self.pid);
    }

    fn services(&self, verb: &str) -> Command {
        let mut command = Command::new(project().join("scripts/services"));
        command.arg(verb).env("CQRS_SERVICES_DIR", &self.state);
        // With these variables the script would use the given servers and start none.
        command
            .env_remove("KAFKA_BROKERS")
            .env_remove("CQRS_SERVICES");
        command
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Errors here are ignored: a failed test has already reported more.
        let _ = Command::new("kill").args(["-CONT", &self.pid]).output();
        let _ = self.services("down").arg("--kafka-only").output();
    }
}
