//! The name of a runner or relay, which it holds as long as it runs.

use std::time::Duration;

use tokio::time::Instant;

use crate::ports::{Hold, HoldError, Holder, NameKind, Names};

/// How often a held name is tried again.
const TRY_EVERY: Duration = Duration::from_millis(100);

/// A wait for a name is harmless for this long: the former holder is about to end.
const HARMLESS: Duration = Duration::from_secs(1);

/// The name of a runner or relay.
#[derive(Debug)]
pub(crate) struct OwnName {
    kind: NameKind,
    name: String,
    hold: Option<Hold>,
    /// Whether it was ever held.
    was_held: bool,
    /// Since when another holder has it.
    refused: Option<Instant>,
    warned: bool,
}

impl OwnName {
    pub(crate) fn new(kind: NameKind, name: &str) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            hold: None,
            was_held: false,
            refused: None,
            warned: false,
        }
    }

    /// Returns when the name is held. At the start it waits for a former holder to end, or to lose the name with its lease. After
    /// a loss it waits only for one that is about to end: whoever has taken the name since keeps it. Cancel-safe.
    ///
    /// # Errors
    /// [`HoldError::Held`], and the store's.
    pub(crate) async fn take(&mut self, store: &impl Names) -> Result<(), HoldError> {
        while self.hold.is_none() {
            match store.hold(self.kind, &self.name).await {
                Ok(hold) => self.taken(hold),
                Err(HoldError::Held(holder)) => {
                    let since = *self.refused.get_or_insert_with(Instant::now);
                    let lease = store.lease();
                    let grace = if self.was_held {
                        lease.min(HARMLESS)
                    } else {
                        lease
                    };
                    if since.elapsed() >= grace {
                        return Err(HoldError::Held(holder));
                    }
                    self.warn(since, &holder);
                    tokio::time::sleep(TRY_EVERY).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn taken(&mut self, hold: Hold) {
        self.hold = Some(hold);
        self.was_held = true;
        self.refused = None;
    }

    fn warn(&mut self, since: Instant, holder: &Holder) {
        if self.warned || since.elapsed() < HARMLESS {
            return;
        }
        self.warned = true;
        let kind = self.kind;
        let name = self.name.as_str();
        tracing::warn!(%kind, name, "waits for its name, which is held by {holder}");
    }

    /// Ends when the name is not held any more. Cancel-safe.
    pub(crate) async fn lost(&mut self) {
        if let Some(hold) = &mut self.hold {
            hold.lost().await;
            self.hold = None;
            tracing::warn!(kind = %self.kind, name = self.name, "has lost its name, and takes it again");
        }
    }
}
