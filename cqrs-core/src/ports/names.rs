//! The port of names: a runner over the log and a relay hold their name as long as they run.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use tokio::sync::watch;

use crate::ports::error::StoreError;

/// What a name belongs to. A subscription and a relay may have the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum NameKind {
    /// A runner over the log.
    Subscription,
    /// A relay.
    Relay,
}

impl fmt::Display for NameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subscription => "subscription",
            Self::Relay => "relay",
        })
    }
}

/// Who holds a name, as far as the store can tell.
///
/// ```
/// use cqrs_core::ports::Holder;
///
/// let holder = Holder::new("process 4711 on web-1 (orders)").address("10.0.0.7");
/// assert_eq!(holder.to_string(), "process 4711 on web-1 (orders), address 10.0.0.7");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The process, as it calls itself.
    pub process: String,
    /// The network address that the store sees.
    pub address: Option<String>,
    /// Since when the process holds names.
    pub since: Option<SystemTime>,
}

impl Holder {
    /// A holder with this description.
    #[must_use]
    pub fn new(process: impl Into<String>) -> Self {
        Self {
            process: process.into(),
            address: None,
            since: None,
        }
    }

    /// The holder with its network address.
    #[must_use]
    pub fn address(mut self, address: impl Into<String>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// The holder with the time since when it holds names.
    #[must_use]
    pub fn since(mut self, since: SystemTime) -> Self {
        self.since = Some(since);
        self
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.process)?;
        if let Some(address) = &self.address {
            write!(f, ", address {address}")?;
        }
        match self.since.map(|since| since.elapsed().unwrap_or_default()) {
            Some(elapsed) => write!(f, ", for {} s", elapsed.as_secs()),
            None => Ok(()),
        }
    }
}

/// A name that is not held now.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HoldError {
    /// Somebody else holds it.
    #[error("the name is held by {0}")]
    Held(Holder),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A held name. Dropping it gives the name back.
#[derive(Debug)]
pub struct Hold(watch::Receiver<()>);

impl Hold {
    /// Ends when the store has lost the name: another process may hold it from now on. Cancel-safe.
    pub async fn lost(&mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

/// The store's side of a [`Hold`]. Dropping the last clone tells the holder that the name is lost.
#[derive(Debug, Clone)]
pub struct NameKeeper(watch::Sender<()>);

impl NameKeeper {
    /// A held name: the side of the store, and that of the holder.
    #[must_use]
    pub fn pair() -> (Self, Hold) {
        let (sender, receiver) = watch::channel(());
        (Self(sender), Hold(receiver))
    }

    /// Whether the holder has given the name back.
    #[must_use]
    pub fn is_released(&self) -> bool {
        self.0.is_closed()
    }

    /// Ends when the holder has given the name back. Cancel-safe.
    pub async fn released(&self) {
        self.0.closed().await;
    }
}

/// Names, each with one holder at a time.
///
/// It keeps two processes from working on one subscription or relay in turns. Correctness does not depend on it: the epoch of a
/// claim and the broker's fence reject whoever was overtaken.
pub trait Names: Clone + Send + Sync + 'static {
    /// Holds a name, unless somebody else does. Does not wait for the holder.
    ///
    /// # Errors
    /// [`HoldError::Held`] names the holder, which may be another part of this process.
    fn hold(
        &self,
        kind: NameKind,
        name: &str,
    ) -> impl Future<Output = Result<Hold, HoldError>> + Send;

    /// The longest time that a stopped or cut-off holder keeps its names. A caller waits that long for a held name, then fails.
    fn lease(&self) -> Duration;
}
