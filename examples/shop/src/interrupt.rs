//! Ctrl-C or SIGTERM: the first finishes the current orders, the second exits at once.

use cqrs_core::service::Signals;
use tokio::sync::watch;

use crate::error::{ErrorContext, ShopError};

/// The exit code of a run that was interrupted, by the convention of shells.
pub const EXIT_CODE: u8 = 130;

/// Whether the run was interrupted. A clone sees the same.
#[derive(Debug, Clone)]
pub struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Listens from now on.
    pub fn listen() -> Result<Self, ShopError> {
        let mut signals = Signals::listen().context("signals")?;
        let (interrupted, interrupt) = watch::channel(false);
        tokio::spawn(async move {
            loop {
                signals.received().await;
                if interrupted.send_replace(true) {
                    exit_at_once();
                }
                println!(
                    "interrupted: finishing the current orders; interrupt again to exit at once"
                );
            }
        });
        Ok(Self(interrupt))
    }

    /// One that is never set.
    #[cfg(test)]
    pub fn never() -> Self {
        Self(watch::channel(false).1)
    }

    /// Whether it was interrupted.
    pub fn is_set(&self) -> bool {
        *self.0.borrow()
    }
}

/// Like a kill: with servers, the next start continues from their data.
#[expect(clippy::exit, reason = "the user interrupted twice")]
fn exit_at_once() {
    std::process::exit(i32::from(EXIT_CODE));
}
