//! The signals that ask a process to end.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Receives SIGTERM and SIGINT (Ctrl-C).
///
/// [`Service::run`](crate::Service::run) uses it. Use it yourself to stop something else:
///
/// ```no_run
/// # async fn until_asked() -> std::io::Result<()> {
/// let mut signals = cqrs_core::service::Signals::listen()?;
/// signals.received().await;
/// println!("finishing the current work");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Signals {
    #[cfg(unix)]
    terminate: Signal,
    #[cfg(unix)]
    interrupt: Signal,
}

#[cfg(unix)]
impl Signals {
    /// Starts to listen. From now on these signals no longer end the process by themselves, even after the value is dropped.
    ///
    /// # Errors
    /// When the system does not allow a handler.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O enabled.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next signal. Cancel-safe.
    pub async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    /// Starts to listen for Ctrl-C.
    ///
    /// # Errors
    /// Never on this platform.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next Ctrl-C. Cancel-safe.
    pub async fn received(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
