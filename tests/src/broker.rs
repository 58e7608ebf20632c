//! A broker of a test's own, to be paused and killed without disturbing anybody else.

use std::{path::PathBuf, process::Command};

use crate::servers::{fresh_name, project};

/// Apache Kafka, one node, started by the project's own script. Dropped, it is stopped and its data removed.
#[derive(Debug)]
pub struct Broker {
    state: PathBuf,
    brokers: String,
    pid: String,
}

impl Broker {
    /// Starts it.
    ///
    /// # Panics
    /// When it does not come up; the script says why.
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

    /// Starts it again after a kill: same address, same data.
    ///
    /// # Panics
    /// When it does not come up; the script says why.
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

    /// SIGSTOP: it takes what is sent to it, and does nothing.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT.
    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    /// kill -9.
    pub fn kill(&self) {
        self.signal("-KILL");
    }

    /// Whether bytes wait at its port that it has not read: a paused broker has been asked something.
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
        // What is given is not started; this one is to be started.
        command
            .env_remove("KAFKA_BROKERS")
            .env_remove("CQRS_SERVICES");
        command
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // A test that has failed has said more than either of these could.
        let _ = Command::new("kill").args(["-CONT", &self.pid]).output();
        let _ = self.services("down").arg("--kafka-only").output();
    }
}
