//! Which log a connection leads to: that of a server since it was started, in a table since it was made or emptied.

use std::sync::Arc;

/// Which log a connection leads to, as `log_identity()` tells it.
///
/// **Invariant**: as long as it stays the same, what was committed is there. A server that was restored, and a standby that took
/// over without the last commits, were started at another time; a table that was restored has another file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogIdentity(Arc<str>);

impl From<String> for LogIdentity {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl LogIdentity {
    pub(crate) fn into_text(self) -> Arc<str> {
        self.0
    }
}
