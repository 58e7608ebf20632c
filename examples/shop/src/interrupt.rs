//! Ctrl-C or SIGTERM: once to finish what is in hand, twice to leave at once.

use cqrs_core::service::Signals;
use tokio::sync::watch;

use crate::error::{At, ShopError};

/// The exit code of a run that was interrupted, as shells have it.
pub const EXIT_CODE: u8 = 130;

/// Whether the run was interrupted. A clone sees the same.
#[derive(Debug, Clone)]
pub struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Listens from now on.
    pub fn listen() -> Result<Self, ShopError> {
        let mut signals = Signals::listen().at("signals")?;
        let (interrupted, interrupt) = watch::channel(false);
        tokio::spawn(async move {
            loop {
                signals.received().await;
                if interrupted.send_replace(true) {
                    leave();
                }
                println!(
                    "interrupted: no more orders, those in hand are finished; once more to leave at once"
                );
            }
        });
        Ok(Self(interrupt))
    }

    /// Nobody interrupts it.
    #[cfg(test)]
    pub fn never() -> Self {
        Self(watch::channel(false).1)
    }

    /// Whether it was interrupted.
    pub fn is_set(&self) -> bool {
        *self.0.borrow()
    }
}

/// Like a kill: on servers the next start goes on from what they hold.
#[expect(clippy::exit, reason = "asked for twice")]
fn leave() {
    std::process::exit(i32::from(EXIT_CODE));
}
