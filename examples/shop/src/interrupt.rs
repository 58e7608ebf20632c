//! Ctrl-C: once to finish what is in hand, twice to leave at once.

use tokio::sync::watch;

/// The exit code of a run that was interrupted, as shells have it.
pub const EXIT_CODE: u8 = 130;

/// Whether Ctrl-C was pressed. A clone hears the same.
#[derive(Debug, Clone)]
pub struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Listens from now on.
    pub fn listen() -> Self {
        let (pressed, interrupt) = watch::channel(false);
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                if pressed.send_replace(true) {
                    leave();
                }
                println!(
                    "Ctrl-C: no more orders, those in hand are finished; press it again to leave at once"
                );
            }
        });
        Self(interrupt)
    }

    /// Nobody presses it.
    #[cfg(test)]
    pub fn never() -> Self {
        Self(watch::channel(false).1)
    }

    /// Whether it was pressed.
    pub fn is_pressed(&self) -> bool {
        *self.0.borrow()
    }
}

/// Like a kill: on servers the next start goes on from what they hold.
#[expect(clippy::exit, reason = "asked for twice")]
fn leave() {
    std::process::exit(i32::from(EXIT_CODE));
}
